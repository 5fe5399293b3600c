"""Whether an image looks like a drawing: few colours, strokes on a ground."""

import torch
from torch import Tensor

__all__ = ["drawn_share"]

_NEAR = 0.15  # the largest difference of a colour, of 1
_FARTHEST = 0.005  # of the pixels: as far from the ground as all of these is the ink
_INK = 0.8  # of that distance: what counts for the colour of the ink


def drawn_share(colours: Tensor) -> float:
    """Return the share of pixels that are the ground or the ink, and nothing between.

    The ground is the median colour of the border, the ink the mean colour of the pixels that differ most
    from it. It is near 1 for strokes of one colour on a plain ground, and low for photos.

    Args:
        colours: From 0 to 1, ``[3, side, side]``.

    Returns:
        From 0 to 1.

    Example:
        >>> page = torch.ones(3, 28, 28)
        >>> page[:, 5:20, 10:12] = 0
        >>> drawn_share(page)
        1.0
    """
    edge = torch.cat([colours[:, [0, -1]].flatten(1), colours[:, :, [0, -1]].flatten(1)], dim=1)
    pixels = colours.flatten(1)  # [3, pixel]
    ground = edge.median(dim=1, keepdim=True).values
    distance = (pixels - ground).abs().amax(0)
    reach = distance.topk(max(1, round(_FARTHEST * len(distance)))).values[-1]
    ink = pixels[:, distance >= _INK * reach].mean(1, keepdim=True)
    near = (distance <= _NEAR) | ((pixels - ink).abs().amax(0) <= _NEAR)
    return near.float().mean().item()
