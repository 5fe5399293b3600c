"""Pages beside a model: ours as long as nobody has changed them."""

import pytest
import torch

from polytask.core import BundleError, InputError
from polytask.models.bundle import Bundle, load_bundle, save_bundle
from polytask.models.bundle_folder import check_destination
from polytask.models.bundle_pages import CARD, REPORT, is_ours, sealed, write_beside

BUNDLE = Bundle(kind="table", config={}, tensors={"a": torch.ones(1)}, data={})


@pytest.fixture
def saved(tmp_path):
    return save_bundle(tmp_path / "model", BUNDLE)


def test_a_page_is_ours_until_a_letter_of_it_changes(saved):
    path = write_beside(saved, CARD, "# Märchen\n")
    assert path.read_text().startswith("# Märchen\n") and is_ours(path)
    path.write_text(path.read_text().replace("M", "m"))
    assert not is_ours(path)
    other = saved.parent / "notes.md"
    other.write_bytes(sealed("# Notes"))
    assert not is_ours(other)


def test_a_model_with_pages_is_read_and_replaced_and_they_go_with_the_old_one(saved):
    write_beside(saved, CARD, "old")
    write_beside(saved, REPORT, "old")
    assert load_bundle(saved).kind == "table"
    check_destination(saved)  # before a long training the old pages stay
    assert (saved / CARD).exists() and (saved / REPORT).exists()
    save_bundle(saved, BUNDLE)
    assert not (saved / CARD).exists() and not (saved / REPORT).exists()


def test_a_page_that_somebody_wrote_is_neither_replaced_nor_swept(saved):
    (saved / CARD).write_text("my own words")
    with pytest.raises(
        BundleError, match=r"README\.md was changed, or is not by polytask, and would be lost"
    ):
        write_beside(saved, CARD, "ours")
    with pytest.raises(BundleError, match=r"holds README\.md, which would be lost"):
        save_bundle(saved, BUNDLE)
    assert (saved / CARD).read_text() == "my own words"


def test_a_link_is_no_page_of_ours(saved, tmp_path):
    real = tmp_path / "elsewhere.md"
    real.write_bytes(sealed("x"))
    (saved / CARD).symlink_to(real)
    with pytest.raises(BundleError, match="was changed"):
        write_beside(saved, CARD, "ours")


def test_other_names_are_no_pages(saved):
    with pytest.raises(InputError, match=r"no page 'x\.html'; use README\.md or report\.html"):
        write_beside(saved, "x.html", "")
