"""An image is the same square of colours in whatever form it comes."""

import io

import numpy as np
import pytest
import torch

from polytask.core import DataError, InputError
from polytask.encoders.frozen_images import image_square

Image = pytest.importorskip("PIL.Image")


def gradient(height: int = 40, width: int = 60) -> np.ndarray:
    """A picture whose red grows to the right and whose green grows downwards, uint8."""
    rows, columns = np.mgrid[:height, :width]
    colours = np.stack([columns * 4, rows * 5, np.full_like(rows, 90)], axis=-1)
    return colours.astype(np.uint8)


def encoded(image, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


def test_file_bytes_picture_array_and_tensor_are_alike(tmp_path):
    array = gradient(48, 48)
    picture = Image.fromarray(array)
    picture.save(tmp_path / "a.png")
    forms = [
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        encoded(picture),
        picture,
        array,
        array.astype(np.float64) / 255,
        np.flip(np.flip(array, 0).copy(), 0),
        torch.from_numpy(array).permute(2, 0, 1),
        torch.from_numpy(array).permute(2, 0, 1).double() / 255,
    ]
    squares = [image_square(form, 24, index=0) for form in forms]
    assert all(square.shape == (3, 24, 24) and square.dtype == torch.float32 for square in squares)
    for square in squares[1:]:
        torch.testing.assert_close(square, squares[0], atol=1e-6, rtol=0)


def test_the_whole_of_a_wide_image_is_seen():
    red, green, blue = image_square(gradient(40, 60), 20, index=0)
    assert red[10, -1] > 0.85 and red[10, 0] < 0.05 and green[-1, 10] > 0.7 and green[0, 10] < 0.05
    torch.testing.assert_close(blue, torch.full((20, 20), 90 / 255), atol=1e-3, rtol=0)


def test_shrinking_averages_and_growing_is_smooth():
    noise = np.random.default_rng(0).uniform(size=(128, 128)).astype(np.float32)
    assert image_square(noise, 8, index=0).std() < 0.1 < 0.25 < noise.std()
    step = np.repeat([[0, 255]], 2, axis=0).astype(np.uint8)
    assert len(image_square(step, 32, index=0)[0, 16].unique()) > 8


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "I;16"])
def test_grey_and_other_modes_become_three_colours(mode):
    picture = Image.fromarray(np.full((10, 12), 255, dtype=np.uint8)).convert(mode.split(";")[0])
    if mode == "I;16":
        picture = Image.fromarray(np.full((10, 12), 65535, dtype=np.uint16))
    torch.testing.assert_close(image_square(picture, 16, index=0), torch.ones(3, 16, 16), atol=0.02, rtol=0)


def test_what_is_transparent_is_white():
    clear = np.zeros((8, 8, 4), dtype=np.uint8)
    for form in (clear, Image.fromarray(clear), encoded(Image.fromarray(clear))):
        assert torch.equal(image_square(form, 4, index=0), torch.ones(3, 4, 4))


def test_a_photo_is_turned_as_the_camera_was():
    picture = Image.fromarray(gradient(40, 40))
    notes = Image.Exif()
    notes[0x0112] = 6  # a quarter turn
    out = io.BytesIO()
    picture.save(out, "PNG", exif=notes)
    turned = image_square(out.getvalue(), 20, index=0)
    torch.testing.assert_close(
        turned, image_square(gradient(40, 40), 20, index=0).rot90(-1, (1, 2)), atol=0.02, rtol=0
    )


def test_a_mask_and_a_single_pixel_are_images():
    assert torch.equal(image_square(np.ones((3, 3), dtype=bool), 5, index=0), torch.ones(3, 5, 5))
    assert torch.equal(image_square(torch.zeros(1, 1, 1), 5, index=0), torch.zeros(3, 5, 5))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (3, "index 7 must be an image: .* but is a int"),
        (np.zeros((4, 4, 2)), r"index 7 has shape \(4, 4, 2\), but must be \[height, width, channel\]"),
        (torch.zeros(5, 4, 4), r"must be \[channel, height, width\]"),
        (np.zeros((0, 4)), r"shape \(0, 4\)"),
        (np.full((2, 2), 200.0), "values from 200 to 200.*Scale it"),
        (np.full((2, 2), np.nan), "values from nan"),
        (np.full((2, 2), -3), "values from -3"),
        (np.full((2, 2), "x"), "values of type <U1; use uint8"),
        (torch.zeros(2, 2, dtype=torch.complex64), "values of type torch.complex64"),
    ],
)
def test_what_is_no_image_is_named_by_its_index(item, message):
    with pytest.raises(InputError, match=message):
        image_square(item, 8, index=7)


@pytest.mark.parametrize("item", [b"no image at all", "missing.png", encoded(Image.new("RGB", (9, 9)))[:40]])
def test_a_file_that_cannot_be_read_is_named_by_its_index(item, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"The item at index 7: .* is no readable image"):
        image_square(item, 8, index=7)
