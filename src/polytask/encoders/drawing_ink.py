"""A drawing as ink: whatever its colours, its place and its size."""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["INK_BOX", "INK_SIZE", "drawing_ink", "full_contrast"]

INK_SIZE = 28
"""Pixels a side."""
INK_BOX = 22
"""Pixels of the longer side of what is drawn."""

_BORDER = 28  # the border is this part of a side
_FAINTEST = 0.04  # what differs less from the ground is no ink
_SEEN = 0.4  # of the strongest ink: what counts for the box
_FINE = 3  # samples a pixel and direction, which are averaged
_LEAST_SIDE = 1 / 28  # of the image: a point is not blown up


def drawing_ink(colours: Tensor) -> Tensor:
    """Return what is drawn in an image: its distance from the ground, in a box of a fixed size.

    The ground is the median colour of the border. The strokes' box is centred, and its longer side scaled to
    22 of 28 pixels; an image with nothing on it is all 0.

    Args:
        colours: From 0 to 1, ``[3, side, side]``, of at least 28 pixels.

    Returns:
        From 0 to 1, ``[1, 28, 28]``.
    """
    side = colours.shape[-1]
    edge = max(1, side // _BORDER)
    border = torch.ones(side, side, dtype=torch.bool, device=colours.device)
    border[edge:-edge, edge:-edge] = False
    ground = colours[:, border].median(dim=1).values
    ink = (colours - ground[:, None, None]).abs().amax(0, keepdim=True)  # [1, side, side]
    strongest = functional.avg_pool2d(ink, 3, stride=1, padding=1).max()
    if strongest < _FAINTEST:
        return colours.new_zeros(1, INK_SIZE, INK_SIZE)
    ink = (ink / strongest).clamp(max=1)
    rows, columns = ((ink[0] > _SEEN).any(dim).nonzero().flatten() for dim in (1, 0))
    (top, bottom), (left, right) = ((line[0].item(), line[-1].item() + 1) for line in (rows, columns))
    reach = max(bottom - top, right - left, side * _LEAST_SIDE) / side * INK_SIZE / INK_BOX
    across, down = (left + right) / side - 1, (top + bottom) / side - 1
    turn = colours.new_tensor([[reach, 0.0, across], [0.0, reach, down]])
    n_samples = _FINE * INK_SIZE
    grid = functional.affine_grid(turn[None], [1, 1, n_samples, n_samples], align_corners=False)
    sampled = functional.grid_sample(ink[None], grid, align_corners=False)
    return full_contrast(functional.avg_pool2d(sampled, _FINE))[0]


def full_contrast(ink: Tensor) -> Tensor:
    """Scale ink ``[image, 1, side, side]`` so that the strongest pixel of each is 1; none stays 0."""
    return ink / ink.amax((1, 2, 3), keepdim=True).clamp(min=1e-6)
