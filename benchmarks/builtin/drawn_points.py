"""Points along strokes to ink: deformed, in a box of a fixed size, with thin and thick strokes."""

import math

import torch
from torch import Tensor

from polytask.encoders.drawing_ink import INK_BOX, INK_SIZE, full_contrast

__all__ = ["deformed_points", "drawn", "turned_points"]


def turned_points(points: Tensor, draw: torch.Generator) -> Tensor:
    """Turn classes by 90 degrees, mirror and shear them, which makes others: ``[class, ..., point, 2]``."""
    n_classes = len(points)
    quarter = torch.randint(0, 4, (n_classes,), generator=draw) * (math.pi / 2)
    mirror = torch.where(torch.rand(n_classes, generator=draw) < 0.3, -1.0, 1.0)
    angle = quarter + 0.35 * _around(n_classes, draw)
    maps = _maps(angle, 0.2 * _around(n_classes, draw), 0.2 * _around(n_classes, draw))
    maps = maps * torch.stack([mirror, torch.ones_like(mirror)], dim=1)[:, None]
    return torch.einsum("cij,c...j->c...i", maps, points)


def deformed_points(points: Tensor, draw: torch.Generator) -> Tensor:
    """Turn, shear, stretch and bend each drawing a little: ``[image, point, 2]``."""
    n_images = len(points)
    maps = _maps(*(size * _around(n_images, draw) for size in (0.22, 0.22, 0.22)))
    points = points @ maps.transpose(1, 2)
    for rate in (1.5, 3.0):
        waves = rate * torch.randn(n_images, 2, 2, generator=draw)
        phases = math.pi * _around(n_images * 2, draw).view(n_images, 1, 2)
        size = 0.2 / rate * torch.rand(n_images, 1, 1, generator=draw)
        points = points + size * (points @ waves + phases).sin()
    return points


def drawn(points: Tensor, draw: torch.Generator) -> Tensor:
    """Draw points ``[image, point, 2]`` as ink ``[image, 1, 28, 28]``."""
    n_images = len(points)
    width = 0.5 + 1.5 * torch.rand(n_images, 1, generator=draw) ** 2  # half of a stroke's, in pixels
    low, high = points.amin(1, keepdim=True), points.amax(1, keepdim=True)  # [image, 1, 2]
    longer = (high - low).amax(2, keepdim=True).clamp(min=0.05)
    fill = 1 + 0.06 * _around(n_images, draw)[:, None, None]  # a box is never found quite right
    shift = 0.8 * (torch.rand(n_images, 1, 2, generator=draw) * 2 - 1)
    placed = (points - (low + high) / 2) / longer * (INK_BOX * fill - 2 * width[:, None]) + shift
    placed = placed + 0.2 * torch.randn(placed.shape, generator=draw)
    line = torch.arange(INK_SIZE) - (INK_SIZE - 1) / 2
    grid = torch.cartesian_prod(line, line).flip(1)  # across, down: [pixel, 2]
    square = placed.square().sum(2)[:, None] - 2 * grid @ placed.transpose(1, 2)
    distance = (square.amin(2) + grid.square().sum(1)).clamp(min=0).sqrt()  # [image, pixel]
    sharp = 0.6 + 0.6 * torch.rand(n_images, 1, generator=draw)
    ink = ((width - distance) * sharp + 0.5).clamp(0, 1)
    return full_contrast(ink.view(n_images, 1, INK_SIZE, INK_SIZE))


def _around(n_numbers: int, draw: torch.Generator) -> Tensor:
    return torch.rand(n_numbers, generator=draw) * 2 - 1


def _maps(angle: Tensor, shear: Tensor, stretch: Tensor) -> Tensor:
    """Return maps ``[image, 2, 2]``."""
    cosine, sine = angle.cos(), angle.sin()
    wide, high = stretch.exp(), (-stretch).exp()
    rows = [
        [wide * cosine, wide * (shear * cosine - sine)],
        [high * sine, high * (shear * sine + cosine)],
    ]
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
