"""What the bundle of a network that reads rows must hold."""

import pytest
from tests.models.small import reader_bundle

from polytask.core import BundleError
from polytask.models.bundle import Bundle
from polytask.models.in_context_model import InContextModel


@pytest.fixture
def bundle(tmp_path) -> Bundle:
    return reader_bundle(tmp_path / "m")


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("bars.borders", lambda held: held.flip(0), "the borders of the bars do not rise"),
        ("known/task", lambda held: held + 7, "rows belong to tasks that have no name"),
        ("known/task", lambda held: held.float(), "types or shapes that do not fit"),
        ("known/labels", lambda held: held[:1], "sizes that do not fit"),
        ("known/inputs", lambda held: held.repeat(1, 2), "another number of features"),
        ("encoder.weight", lambda held: held[:4], "do not fit the description"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(bundle, name, change, problem):
    tensors = {key: tensor.clone() for key, tensor in bundle.tensors.items()}
    tensors[name] = change(tensors[name])
    spoilt = Bundle(kind=bundle.kind, config=bundle.config, tensors=tensors, data=bundle.data, files={})
    with pytest.raises(BundleError, match=problem):
        InContextModel.from_bundle(spoilt)
