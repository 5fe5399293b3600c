"""Features of several views of an image."""

import torch
from torch import Tensor, nn

from polytask.meta.layers.averaged_views import AveragedViews


class Kept(nn.Module):
    """Remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        return images.flatten(1)


def test_training_sees_the_plain_image_alone():
    encoder = Kept()
    images = torch.rand(2, 1, 20, 20)
    assert torch.equal(AveragedViews(encoder)(images), images.flatten(1)) and len(encoder.seen) == 1


def test_evaluation_sees_nine_views_the_first_as_it_is_and_four_shifted_by_a_pixel():
    encoder = Kept()
    images = torch.zeros(1, 1, 20, 24)
    images[..., 8:11, 7:12] = torch.rand(3, 5)
    AveragedViews(encoder).eval()(images)
    assert len(encoder.seen) == 9 and torch.equal(encoder.seen[0], images)
    shifts = [(0, -1), (0, 1), (-1, 0), (1, 0)]
    for seen, shift in zip(encoder.seen[1:5], shifts, strict=True):
        assert torch.allclose(seen, images.roll(shift, (2, 3)), atol=1e-5)


def test_features_have_length_1_and_no_image_sees_another():
    views = AveragedViews(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))).eval()
    images = torch.rand(3, 1, 16, 16)
    together, alone = views(images), torch.cat([views(image[None]) for image in images])
    assert torch.allclose(together, alone, atol=1e-5)
    assert torch.allclose(together.norm(dim=1), torch.ones(3), atol=1e-5)
