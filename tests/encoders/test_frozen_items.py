"""One digest for one content, and another for every other."""

import numpy as np
import pytest
import torch

from polytask.encoders.frozen_items import item_digest


def test_a_file_counts_by_its_bytes_wherever_it_lies(tmp_path):
    (tmp_path / "a.png").write_bytes(b"content")
    digest = item_digest(tmp_path / "a.png", "image")
    assert digest == item_digest(str(tmp_path / "a.png"), "image") == item_digest(b"content", "image")
    (tmp_path / "a.png").write_bytes(b"changed")
    assert item_digest(tmp_path / "a.png", "image") != digest
    assert item_digest(tmp_path / "missing", "image") is None


def test_a_text_is_no_path(tmp_path):
    (tmp_path / "a").write_text("x")
    assert item_digest(str(tmp_path / "a"), "text") != item_digest("x", "text")
    assert item_digest("\ud800", "text") is not None and item_digest(3, "text") is None


def test_arrays_count_by_values_type_and_shape():
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    forms = [
        array,
        array + 1,
        array.reshape(4, 3),
        array.astype(np.int16),
        array.astype(np.float32),
        torch.from_numpy(array),
        (array, 8000),
        (array, 16000),
    ]
    digests = [item_digest(form, "sound") for form in forms]
    assert None not in digests and len(set(digests)) == len(forms)
    assert item_digest(array.T.copy().T, "image") == digests[0]  # its order in memory does not count


def test_a_picture_counts_by_its_pixels_and_what_changes_how_they_look():
    image = pytest.importorskip("PIL.Image")
    picture = image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4))
    turned = picture.copy()
    turned.getexif()[0x0112] = 6
    coloured = picture.convert("P")
    other = coloured.copy()
    other.putpalette([7] * 768)
    digests = [item_digest(form, "image") for form in (picture, turned, coloured, other)]
    assert None not in digests and len(set(digests)) == 4
    assert item_digest(picture.copy(), "image") == digests[0]


def test_what_cannot_be_told_has_no_digest():
    assert item_digest(object(), "image") is None and item_digest((1, 2, 3), "sound") is None
