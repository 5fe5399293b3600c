"""Pictures that pages carry."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from polytask.core.png import png_address, shrunk


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (1, 1)])
def test_any_reader_gets_the_same_pixels(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    head, _, body = png_address(image).partition(",")
    assert head == "data:image/png;base64"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(body)))), image)


def test_a_large_image_is_averaged_down_and_a_small_one_stays():
    image = np.zeros((100, 50, 3), dtype=np.uint8)
    image[:50] = 200
    small = shrunk(image, 10)
    assert small.shape == (10, 5, 3) and (small[:5] == 200).all() and (small[5:] == 0).all()
    assert shrunk(small, 10) is small
