"""Images as colours and edges on a coarse grid: no download, no training."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from polytask.encoders.frozen import Kind, blank_vectors, check_items, fingerprint_of
from polytask.encoders.frozen_images import image_square

__all__ = ["ColourGradients"]

_SIZE, _CELL, _N_DIRECTIONS, _GRID = 64, 8, 9, 4


class ColourGradients:
    r"""Encode images by where they have which colours, and edges in which directions.

    The whole image is squeezed to 64 x 64 pixels. Of each of 8 x 8 cells, the lengths of the gradients of the
    brightness are added up by 9 directions, each gradient shared between the two directions next to it; the
    values of every 2 x 2 cells are scaled to length 1. Beside them are the mean colours of 4 x 4 parts, from
    -1 to 1. Each half is divided by a constant, so that its length is 1 at most.

    References:
        Navneet Dalal, Bill Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
        Deviation: nothing is shared between neighbouring cells; colours are added.

    Example:
        >>> ColourGradients().encode([torch.rand(3, 60, 80), torch.rand(28, 28)]).shape
        torch.Size([2, 1812])
    """

    name = "colour-gradients"
    kind: Kind = "image"
    width = 4 * _N_DIRECTIONS * (_SIZE // _CELL - 1) ** 2 + 3 * _GRID**2

    @property
    def fingerprint(self) -> str:
        """A digest of how images are encoded."""
        return fingerprint_of(self.name, _SIZE, _CELL, _N_DIRECTIONS, _GRID, "halves to length 1 at most")

    @property
    def state(self) -> Mapping[str, Tensor]:
        """Empty: nothing is learned from the caller's images."""
        return {}

    @torch.no_grad()
    def encode(self, items: Sequence[Any], *, batch_size: int = 32) -> Tensor:
        """Return vectors ``[image, width]``.

        Args:
            items: Images; see `polytask.encoders.frozen_images.image_square`.
            batch_size: Without effect: each image is encoded by itself.

        Raises:
            InputError: An item is no image that can be read.
            MissingPackageError: Items are files, and Pillow is not installed.
        """
        check_items(items, batch_size)
        vectors = blank_vectors(len(items), self.width)
        for index, item in enumerate(items):
            image = image_square(item, _SIZE, index=index)
            colours = functional.adaptive_avg_pool2d(image, _GRID).flatten() * 2 - 1
            vectors[index] = torch.cat([_edges(image), colours / len(colours) ** 0.5])
        return vectors


def _edges(image: Tensor) -> Tensor:
    """Return directions of edges in an image ``[3, height, width]``, as one vector of length 1 at most."""
    grey = image.mean(0)
    padded = functional.pad(grey[None], (1, 1, 1, 1), mode="replicate")[0]
    down, right = padded[2:, 1:-1] - padded[:-2, 1:-1], padded[1:-1, 2:] - padded[1:-1, :-2]
    lengths = (down.square() + right.square()).sqrt()
    turns = torch.atan2(down, right).remainder(math.pi) / math.pi * _N_DIRECTIONS  # [height, width]
    lower = turns.floor()
    upper_share = turns - lower
    directions = grey.new_zeros(_N_DIRECTIONS, *grey.shape)
    for number, share in ((lower, 1 - upper_share), (lower + 1, upper_share)):
        directions.scatter_add_(0, number.long().remainder(_N_DIRECTIONS)[None], (share * lengths)[None])
    cells = functional.avg_pool2d(directions, _CELL)  # [direction, 8, 8]
    blocks = functional.unfold(cells[None], 2)[0]  # [4 directions, block]
    return functional.normalize(blocks, dim=0, eps=1e-3).flatten() / blocks.shape[1] ** 0.5
