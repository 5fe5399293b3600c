"""Images in colour and proportion: every form of file and array."""

import io

import numpy as np
import pytest

from polytask.core import DataError
from polytask.data import read_examples
from polytask.data.examples.images import ANIMATED, DIM, LONGEST_SIDE, SCALED, image_of_array, read_image

Image = pytest.importorskip("PIL.Image")
RED = (220, 10, 10)


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def halves(width=6, height=4):
    """Draw a red left half beside a blue one."""
    image = Image.new("RGB", (width, height), (10, 10, 220))
    image.paste(RED, (0, 0, width // 2, height))
    return image


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "TGA"])
def test_colour_and_size_stay(kind):
    pixels, notes = read_image(encoded(halves(), kind))
    assert pixels.dtype == np.uint8 and notes == ()
    np.testing.assert_array_equal(pixels, np.asarray(halves()))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK", "I;16", "I", "F"])
def test_every_mode_becomes_three_channels(mode):
    grey = Image.fromarray(np.array([[0, 255], [255, 0]], dtype=np.uint8))
    values = np.asarray(grey)
    image = {
        "I;16": lambda: Image.fromarray(values.astype(np.uint16) * 257),
        "I": lambda: encoded(Image.fromarray(values.astype(np.int32) * 257), "PPM"),
        "F": lambda: Image.fromarray(values.astype(np.float32) / 255),
    }.get(mode, lambda: grey.convert("RGB").convert(mode) if mode != "1" else grey.convert("1"))()
    pixels, _ = read_image(image)
    assert pixels.shape == (2, 2, 3)
    np.testing.assert_array_equal(pixels[:, :, 0], values)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright_as_its_camera_says(orientation):
    notes = Image.Exif()
    notes[0x0112] = orientation
    pixels, _ = read_image(encoded(halves(), exif=notes))
    assert pixels.shape == ((4, 6, 3) if orientation < 5 else (6, 4, 3))
    left, top = pixels[0, 0, 0] > 100, pixels[0, -1, 0] > 100
    red = {1: (1, 0), 2: (0, 1), 3: (0, 1), 4: (1, 0), 5: (1, 1), 6: (1, 1), 7: (0, 0), 8: (0, 0)}[
        orientation
    ]
    assert (left, top) == tuple(map(bool, red))


@pytest.mark.parametrize(("ink", "ground"), [((0, 0, 0), 255), ((255, 255, 255), 0), ((240, 230, 90), 0)])
def test_what_is_transparent_is_put_on_the_ground_that_shows_it(ink, ground):
    image = Image.new("RGBA", (4, 4), (*ink, 0))
    image.paste((*ink, 255), (1, 1, 3, 3))
    pixels, _ = read_image(encoded(image))
    assert pixels[0, 0].tolist() == [ground] * 3 and tuple(pixels[1, 1].tolist()) == ink


def test_large_images_are_scaled_in_their_proportions_and_it_is_said():
    pixels, notes = read_image(encoded(halves(3000, 1500)))
    assert pixels.shape == (LONGEST_SIDE // 2, LONGEST_SIDE, 3) and notes == (SCALED,)
    assert abs(int(pixels[5, 5, 0]) - 220) <= 2 and abs(int(pixels[5, -5, 2]) - 220) <= 2


def test_a_turned_large_photo_keeps_its_proportions():
    notes = Image.Exif()
    notes[0x0112] = 6
    pixels, _ = read_image(encoded(halves(4000, 1000), "JPEG", exif=notes))
    assert pixels.shape == (LONGEST_SIDE, LONGEST_SIDE // 4, 3)


def test_a_line_of_pixels_is_an_image():
    assert read_image(encoded(halves(5000, 1)))[0].shape == (1, LONGEST_SIDE, 3)


def test_what_is_noteworthy_is_said():
    frames = [Image.new("L", (4, 4), value) for value in (0, 200)]
    assert read_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))[1] == (ANIMATED,)
    assert read_image(encoded(Image.fromarray(np.full((4, 4), 4000, dtype=np.uint16))))[1] == (DIM,)


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (np.zeros((4, 6), dtype=np.uint8), (4, 6, 3)),
        (np.zeros((4, 6, 1), dtype=np.uint8), (4, 6, 3)),
        (np.zeros((1, 4, 6), dtype=np.uint8), (4, 6, 3)),
        (np.zeros((3, 4, 6), dtype=np.float32), (4, 6, 3)),
        (np.zeros((4, 6, 3), dtype=bool), (4, 6, 3)),
        (np.zeros((4, 6, 4)), (4, 6, 3)),
    ],
)
def test_arrays_of_every_layout_are_images(values, shape):
    assert image_of_array(values, "example 1").shape == shape


def test_floats_are_scaled_to_bytes():
    pixels = image_of_array(np.array([[0.0, 0.5, 1.0]]), "example 1")
    assert pixels[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (np.zeros((6, 7, 5), dtype=np.uint8), r"example 3 has the shape \[6, 7, 5\]"),
        (np.zeros((0, 6), dtype=np.uint8), "has the shape"),
        (np.full((4, 6), 200.0), r"goes from 200 to 200.*lie in \[0, 1\]"),
        (np.full((4, 6), np.nan), "goes from nan"),
        (np.zeros((4, 6), dtype=np.int64), "holds int64"),
    ],
)
def test_what_is_no_image_is_refused(values, problem):
    with pytest.raises(DataError, match=problem):
        image_of_array(values, "example 3")


def test_an_image_of_too_many_pixels_is_refused_by_name(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("1", (10_000, 9_000)).save(path)
    with pytest.raises(DataError, match=r"bomb\.png"):
        read_examples(path, labelled=False)
