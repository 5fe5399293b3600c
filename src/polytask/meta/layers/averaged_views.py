"""Features of an image seen from several sides at once."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["AveragedViews"]

_TURN, _ZOOM, _SHIFT = 0.12, 0.1, 1  # radians, parts, pixels


class AveragedViews(nn.Module):
    """In evaluation, the mean of the unit features of nine views of an image; in training, plain features.

    The views are the image as it is, shifted by a pixel to each side, turned to the left and to the right,
    and a little larger and smaller; what is beyond the border is 0.

    Args:
        encoder: Maps images ``[batch, channel, height, width]`` to features ``[batch, ...]``.

    Example:
        >>> views = AveragedViews(nn.Flatten())
        >>> image = torch.rand(2, 1, 28, 28)
        >>> torch.equal(views(image), image.flatten(1)), views.eval()(image).norm(dim=1).round(decimals=3)
        (True, tensor([1., 1.]))
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("maps", _maps(), persistent=False)  # [view, 2, 3]
        self.maps: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """Return features ``[batch, feature]``, of length 1 in evaluation."""
        if self.training:
            return self.encoder(images).flatten(1)
        units = [self._units(images, index) for index in range(1 + len(self.maps))]
        return functional.normalize(torch.stack(units).sum(0))

    def _units(self, images: Tensor, index: int) -> Tensor:
        if index:
            pixels = images.new_tensor([2 / images.shape[-1], 2 / images.shape[-2]])  # in half images
            maps = self.maps[index - 1].to(images.dtype)
            maps = torch.cat([maps[:, :2], (maps[:, 2] * pixels)[:, None]], dim=1)
            grid = functional.affine_grid(
                maps.expand(len(images), 2, 3), list(images.shape), align_corners=False
            )
            images = functional.grid_sample(images, grid, align_corners=False)
        return functional.normalize(self.encoder(images).flatten(1).float())


def _maps() -> Tensor:
    """Return a map for each view but the plain one, shifts in pixels."""
    plain = [(1.0, 0.0, shift) for shift in ((_SHIFT, 0), (-_SHIFT, 0), (0, _SHIFT), (0, -_SHIFT))]
    others = [(1.0, turn, (0, 0)) for turn in (_TURN, -_TURN)] + [
        (zoom, 0.0, (0, 0)) for zoom in (1 + _ZOOM, 1 - _ZOOM)
    ]
    return torch.tensor(
        [
            [
                [zoom * math.cos(turn), -zoom * math.sin(turn), right],
                [zoom * math.sin(turn), zoom * math.cos(turn), down],
            ]
            for zoom, turn, (right, down) in plain + others
        ]
    )
