"""One preparation of images for training, adapting and predicting."""

import json
import warnings
from typing import Any

import numpy as np
import pytest
import torch

from polytask.core import DataWarning, InputError
from polytask.data import ImagePreparation, read_images

Image = pytest.importorskip("PIL.Image")
ImageDraw = pytest.importorskip("PIL.ImageDraw")


def disc(radius: int = 10, ink: Any = 0, ground: Any = 255, mode: str = "L"):
    image = Image.new(mode, (40, 40), ground)
    ImageDraw.Draw(image).ellipse((20 - radius, 20 - radius, 20 + radius, 20 + radius), fill=ink)
    return image


def free_disc(ink=0):
    return Image.merge("LA", (Image.new("L", (40, 40), ink), disc(ink=255, ground=0)))


def test_the_ground_is_that_of_the_set_and_not_of_each_image():
    images = read_images([disc(6), disc(17), disc(19), disc(12)])  # two of them are dark on average
    assert images[:, 0, 14, 14].tolist() == [255] * 4
    assert images[:, 0, 0, 0].tolist() == [0] * 4


def test_images_on_a_dark_ground_stay_as_they_are():
    with pytest.warns(DataWarning, match="1 of 4 images shows dark things"):
        images = read_images([disc(ink=255, ground=0)] * 3 + [disc()])
    assert images[:, 0, 14, 14].tolist() == [255, 255, 255, 0]


def test_what_is_decided_is_kept_for_later_images():
    _, preparation = ImagePreparation(size=20).read([disc()] * 3)
    assert preparation == ImagePreparation(size=20, channels=1, ground="light", inverted=True)
    bold = Image.new("L", (40, 40), 0)  # ink all over
    with pytest.warns(DataWarning, match=r"1 of 1 image .*ground that is not light.*negatives"):
        later, same = preparation.read([bold])
    assert same == preparation and later.min() == 255


def test_the_ground_can_be_declared():
    images = read_images([disc(19)], ground="light")
    assert images[0, 0, 14, 14] == 255
    with pytest.warns(DataWarning, match="not dark"):
        assert read_images([disc(6)], ground="dark")[0, 0, 14, 14] == 0


def test_ink_without_a_ground_looks_like_ink_on_paper():
    on_paper, free = read_images([disc()]), read_images([free_disc()])
    torch.testing.assert_close(on_paper, free, rtol=0, atol=1)
    _, preparation = ImagePreparation().read([disc()])
    torch.testing.assert_close(preparation.read([free_disc()])[0], on_paper, rtol=0, atol=1)
    assert read_images([free_disc(ink=255)])[0, 0, 14, 14] == 255


def test_ink_that_disappears_on_the_ground_is_no_secret():
    _, preparation = ImagePreparation().read([disc(ink=255, ground=0)])
    with pytest.warns(DataWarning, match="1 of 3 images shows dark things"):
        preparation.read([free_disc(ink=255), free_disc(ink=255), free_disc(ink=0)])


def test_colour_is_read_where_there_is_some():
    red = disc(ink=(200, 0, 0), ground="white", mode="RGB")
    images = read_images([disc(), red])
    assert images.shape == (2, 3, 28, 28)
    assert images[1, :, 14, 14].tolist() == [55, 255, 255]
    assert images[0, 0].equal(images[0, 2])
    with pytest.warns(DataWarning, match="1 of 2 images has colour, of which only the brightness"):
        assert read_images([disc(), red], channels=1).shape == (2, 1, 28, 28)
    assert read_images([disc(mode="RGB", ink="black", ground="white")]).shape == (1, 1, 28, 28)


def test_an_animation_is_no_secret(tmp_path):
    disc().save(tmp_path / "a.gif", save_all=True, append_images=[disc(4)])
    with pytest.warns(DataWarning, match=r"several pictures, of which the first is used \(e\.g\. .*a\.gif"):
        read_images([tmp_path / "a.gif"])


def test_no_warning_without_a_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, preparation = ImagePreparation().read([disc(), free_disc()])
        preparation.read([disc(4), disc(19), free_disc()])


GREY = ImagePreparation(size=4, channels=1)
EIGHT_BITS = torch.arange(32, dtype=torch.uint8).view(2, 1, 4, 4) * 8


@pytest.mark.parametrize("convert", [lambda x: x, lambda x: x.double() / 255, lambda x: (x / 255).numpy()])
def test_bytes_and_floats_are_the_same_images(convert):
    torch.testing.assert_close(GREY.floats(convert(EIGHT_BITS)), EIGHT_BITS / 255, rtol=0, atol=1e-6)


def test_masks_are_black_and_white():
    assert GREY.floats(EIGHT_BITS > 9).unique().tolist() == [0, 1]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (EIGHT_BITS.float(), r"must lie in \[0, 1\], but these go from 0 to 248"),
        (EIGHT_BITS / 255 - 0.5, r"must lie in \[0, 1\]"),
        (torch.full((1, 1, 4, 4), torch.nan), r"must lie in \[0, 1\]"),
        (EIGHT_BITS.long(), "uint8 or floats"),
        ((EIGHT_BITS > 9).to(torch.uint8), r"only 0 and 1\. Multiply"),
        (EIGHT_BITS.permute(0, 2, 3, 1), r"permute\(0, 3, 1, 2\)"),
        (EIGHT_BITS[:, 0], r"\[:, None\]"),
        (EIGHT_BITS[0], r"\[None\]"),
        (EIGHT_BITS[..., :2, :2], r"\(1, 2, 2\).*reads \(1, 4, 4\)"),
        (np.array([["a"]]), "must be numbers"),
        ([1, 2], "a tensor or an array, got list"),
    ],
)
def test_other_arrays_are_refused_with_the_remedy(images, message):
    with pytest.raises(InputError, match=message):
        GREY.checked(images)


def test_drawings_with_a_dark_ground_leave_the_ground_of_files_open():
    drawings = torch.zeros(3, 1, 20, 20, dtype=torch.uint8)
    drawings[..., 8:12, 8:12] = 255
    assert ImagePreparation.of(drawings) == ImagePreparation(size=20, channels=1)
    assert ImagePreparation.of(255 - drawings) == ImagePreparation(size=20, channels=1, ground="light")
    photos = torch.rand(3, 3, 20, 20, generator=torch.Generator().manual_seed(0)) * 0.6
    assert ImagePreparation.of(photos) == ImagePreparation(size=20, channels=3, ground="dark")


@pytest.mark.parametrize("shape", [(9, 60), (9, 4000), (9, 2, 20, 20), (9, 1, 20, 24), (9, 20, 20, 3)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(InputError, match=r"must have the shape \[image, 1 or 3, size, size\], got \[9, "):
        ImagePreparation.of(torch.zeros(shape))


def test_a_preparation_survives_json():
    preparation = ImagePreparation(size=32, channels=3, ground="light", inverted=True)
    assert ImagePreparation.from_json(json.loads(json.dumps(preparation.to_json()))) == preparation


@pytest.mark.parametrize(
    "change",
    [
        {"size": 0},
        {"size": True},
        {"size": "28"},
        {"channels": 2},
        {"channels": True},
        {"channels": 3.0},
        {"size": 10**9},
        {"ground": "grey"},
        {"ground": []},
        {"inverted": 1},
        {"mode": "L"},
    ],
)
def test_a_changed_preparation_is_refused(change):
    with pytest.raises(InputError, match=r"must|use one of dark, light"):
        ImagePreparation.from_json({**ImagePreparation().to_json(), **change})
    with pytest.raises(InputError, match="exactly the keys"):
        ImagePreparation.from_json({"size": 28})


def test_photos_may_differ_in_their_ground():
    draw = np.random.default_rng(0)
    photos = [
        Image.fromarray((draw.random((40, 40)) * 60 + floor).astype(np.uint8)) for floor in (0, 195, 195)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_images(photos)


def test_numbers_of_twelve_bits_are_no_secret():
    pixels = np.asarray(disc()).astype(np.uint16)
    with pytest.warns(DataWarning, match="1 of 2 images has 16 bits.*lowest.*up to 65535"):
        read_images([Image.fromarray(pixels * 16), Image.fromarray(pixels * 257)])


@pytest.mark.parametrize(
    "images", [torch.zeros(2, 1, 8, 8).to_sparse(), torch.zeros(2, 1, 8, 8, device="meta")]
)
def test_tensors_that_hold_no_plain_numbers_are_refused(images):
    with pytest.raises(InputError, match="must be an ordinary tensor"):
        ImagePreparation(size=8, channels=1).checked(images)


@pytest.mark.parametrize("change", [lambda array: array.astype(">f4"), lambda array: array[:, :, ::-1, ::-1]])
def test_arrays_of_any_layout_are_read(change):
    images = np.random.default_rng(0).random((2, 1, 8, 8)).astype(np.float32)
    changed = change(images)
    changed.flags.writeable = False
    np.testing.assert_array_equal(ImagePreparation(size=8, channels=1).checked(changed), changed)


def test_images_in_memory_that_files_would_have_been_inverted_of_are_no_secret():
    images, used = ImagePreparation().read([disc()] * 3)
    with pytest.warns(DataWarning, match=r"on a light ground.*`255 - images`"):
        used.warn_of_negatives(255 - images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        used.warn_of_negatives(images)
        ImagePreparation(ground="light").warn_of_negatives(255 - images)
