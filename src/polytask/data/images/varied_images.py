"""Images as another hand might have drawn them: turned, stretched, bent, with thinner or thicker strokes."""

import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import InputError

__all__ = ["ORIENTATIONS", "drawn_on_black", "oriented", "varied_images"]

ORIENTATIONS = 8
"""Quarter turns, plain and mirrored."""

_BLACK = 0.1  # at most so bright

_TURN, _SHEAR, _STRETCH, _SHIFT = 0.2, 0.15, 0.15, 0.12  # radians, parts, powers of e, half images; at most
_BEND, _KNOTS = 0.12, 4  # half images, as a deviation; points a side between which an image is bent
_THIN, _THICK = -0.4, 0.7  # parts of the way to one pixel less or more on each side of a stroke


def oriented(images: Tensor, orientation: Tensor) -> Tensor:
    """Turn each image by quarters, and mirror those from 4 on.

    Args:
        images: Square, ``[image, channel, size, size]``.
        orientation: From 0 to 7, long ``[image]``; 1 turns counter-clockwise by 90 degrees.

    Example:
        >>> image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
        >>> oriented(image, torch.tensor([1])).flatten(), oriented(image, torch.tensor([4])).flatten()
        (tensor([2., 4., 1., 3.]), tensor([2., 1., 4., 3.]))
    """
    turned = torch.empty_like(images)
    for index in orientation.unique().tolist():
        chosen = orientation == index
        quarter = images[chosen].rot90(index % 4, (2, 3))
        turned[chosen] = quarter.flip(3) if index >= 4 else quarter
    return turned


def drawn_on_black(images: Tensor) -> bool:
    """Tell whether most of the images is a black ground, so that they can be bent and their strokes changed.

    Args:
        images: uint8 or floats in [0, 1], ``[image, channel, size, size]``; some 1,000 of them are looked at.

    Example:
        >>> image = torch.zeros(1, 3, 8, 8)
        >>> image[..., 3] = 1.0
        >>> drawn_on_black(image), drawn_on_black(1 - image)
        (True, False)
    """
    sample = images[:: max(1, len(images) // 1000)]
    black = _BLACK * 255 if images.dtype == torch.uint8 else _BLACK
    return bool((sample.amax(1) <= black).float().mean() > 0.5)


def varied_images(images: Tensor, draw: torch.Generator, *, strength: float = 1.0) -> Tensor:
    """Turn, shear, stretch, shift and bend each image by chance, and make bright strokes thinner or thicker.

    Args:
        images: Floats with a ground of 0, ``[image, channel, size, size]``.
        draw: Decides.
        strength: Factor on how far an image is moved and bent; 0 changes the strokes alone.

    Raises:
        InputError: ``strength`` is below 0.

    Example:
        >>> image = torch.rand(3, 1, 28, 28)
        >>> varied_images(image, torch.Generator().manual_seed(0)).shape
        torch.Size([3, 1, 28, 28])

    References:
        Patrice Simard, Dave Steinkraus, John Platt, "Best practices for convolutional neural networks applied
        to visual document analysis", ICDAR 2003, has elastic bending. Deviation: the displacement is smooth
        between 4 x 4 points, where theirs is blurred noise.
    """
    if not strength >= 0:
        raise InputError(f"`strength` must be at least 0, got {strength}.")
    n_images = len(images)
    if strength:
        grid = functional.affine_grid(
            _maps(n_images, draw, strength), list(images.shape), align_corners=False
        )
        bent = grid + _bends(n_images, images.shape[-1], draw, strength)
        images = functional.grid_sample(images, bent, align_corners=False)
    amount = _THIN + (_THICK - _THIN) * torch.rand(n_images, 1, 1, 1, generator=draw)
    thick = functional.max_pool2d(images, 3, 1, 1)
    thin = -functional.max_pool2d(-images, 3, 1, 1)
    return images + amount * torch.where(amount > 0, thick - images, images - thin)


def _maps(n_images: int, draw: torch.Generator, strength: float) -> Tensor:
    """Return maps of places ``[image, 2, 3]``."""
    chances = strength * (2 * torch.rand(6, n_images, generator=draw) - 1)  # [number, image]
    cosine, sine, shear = (_TURN * chances[0]).cos(), (_TURN * chances[0]).sin(), _SHEAR * chances[1]
    wide, high = (_STRETCH * chances[2]).exp(), (_STRETCH * chances[3]).exp()
    rows = [
        [wide * cosine, wide * (shear * cosine - sine), _SHIFT * chances[4]],
        [high * sine, high * (shear * sine + cosine), _SHIFT * chances[5]],
    ]
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def _bends(n_images: int, size: int, draw: torch.Generator, strength: float) -> Tensor:
    """Return smooth displacements ``[image, size, size, 2]``, some images' larger than others'."""
    knots = torch.randn(n_images, 2, _KNOTS, _KNOTS, generator=draw)
    amount = _BEND * strength * torch.rand(n_images, 1, 1, 1, generator=draw)
    smooth = functional.interpolate(amount * knots, size=size, mode="bicubic", align_corners=True)
    return smooth.permute(0, 2, 3, 1)
