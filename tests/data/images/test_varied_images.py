"""Images as another hand might have drawn them."""

import pytest
import torch

from polytask.core import InputError
from polytask.data.images.varied_images import ORIENTATIONS, drawn_on_black, oriented, varied_images


def stroke(width: int) -> torch.Tensor:
    image = torch.zeros(1, 1, 28, 28)
    image[..., 14 - width // 2 : 14 + (width + 1) // 2, 4:24] = 1
    return image


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_orientations_of_an_asymmetric_image_are_all_different():
    image = torch.rand(1, 1, 5, 5, generator=drawn(0)).expand(ORIENTATIONS, 1, 5, 5)
    found = oriented(image, torch.arange(ORIENTATIONS))
    assert len({tuple(one.flatten().tolist()) for one in found}) == ORIENTATIONS
    assert all(torch.equal(one.flatten().sort().values, image[0].flatten().sort().values) for one in found)


def test_each_image_is_turned_by_its_own_number_of_quarters():
    images = torch.rand(4, 2, 3, 3, generator=drawn(0))
    found = oriented(images, torch.tensor([0, 3, 1, 6]))
    assert torch.equal(found[1], images[1].rot90(3, (1, 2)))
    assert torch.equal(found[3], images[3].rot90(2, (1, 2)).flip(2))


def test_ink_stays_within_its_range_and_the_same_draws_give_the_same_images():
    images = stroke(3).expand(64, 1, 28, 28)
    found = varied_images(images, drawn(1))
    assert torch.equal(found, varied_images(images, drawn(1)))
    assert found.min() >= 0 and found.max() <= 1 + 1e-6
    assert not torch.equal(found[0], found[1])


def test_strokes_become_thinner_and_thicker_without_being_moved_at_strength_0():
    found = varied_images(stroke(3).expand(200, 1, 28, 28), drawn(2), strength=0)
    ink = found.sum((1, 2, 3)) / stroke(3).sum()
    assert ink.min() < 0.8 and ink.max() > 1.3
    assert torch.allclose(found, found.flip(3), atol=1e-6)  # as symmetric as the stroke was


def test_stronger_variation_moves_images_farther():
    images = stroke(5).expand(100, 1, 28, 28)
    moved = [
        (varied_images(images, drawn(3), strength=strength) - images).square().mean()
        for strength in (0.0, 0.5, 2.0)
    ]
    assert moved[0] < moved[1] < moved[2]


def test_a_negative_strength_is_refused():
    with pytest.raises(InputError, match="`strength` must be at least 0, got -1"):
        varied_images(stroke(3), drawn(0), strength=-1)


@pytest.mark.parametrize("scale", [1, 255])
def test_strokes_on_black_are_told_from_other_images(scale: int):
    images = (stroke(3).expand(4, 3, 28, 28) * scale).to(torch.uint8 if scale == 255 else torch.float32)
    assert drawn_on_black(images)
    assert not drawn_on_black(scale - images)
    grey = torch.full_like(images, scale // 3 or 0.3)
    assert not drawn_on_black(grey)
    assert not drawn_on_black(torch.cat([images[:, :2], grey[:, 2:]], dim=1))  # one channel is bright enough
