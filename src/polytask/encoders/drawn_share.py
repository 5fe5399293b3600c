"""Whether an image looks like a drawing: few colours, strokes on a ground."""

import torch
from torch import Tensor

__all__ = ["drawn_share", "inked_share"]

_NEAR = 0.15  # the largest difference of a colour, of 1
_FARTHEST = 0.005  # of the pixels: as far from the ground as all of these is the ink
_INK = 0.8  # of that distance: what counts for the colour of the ink
_BLURRED = 0.95  # of the pixels lie between ground and ink in a drawing that is blurred
_PLAIN_BORDER, _PLAIN = 0.6, 0.4  # of the border, and of all: what is ground there


def drawn_share(colours: Tensor) -> float:
    """Return the share of pixels that are the ground or the ink.

    The ground is the median colour of the border, the ink the mean colour of the pixels that differ most
    from it. It is near 1 for strokes of one colour on a plain ground, and low for photos. Where nearly
    all pixels are mixed of these two colours, and much of the image is plain ground, it is a drawing that was
    blurred or made larger, and mixed pixels count, too.

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
    edge, ground, distance, pixels, ink = _two_colours(colours)
    near = (distance <= _NEAR) | ((pixels - ink).abs().amax(0) <= _NEAR)
    mixed = _mixed(pixels, ground, ink)
    plain_border = ((edge - ground).abs().amax(0) <= _NEAR).float().mean()
    plain = (distance <= _NEAR).float().mean()
    if mixed.float().mean() >= _BLURRED and plain_border >= _PLAIN_BORDER and plain >= _PLAIN:
        return mixed.float().mean().item()
    return near.float().mean().item()


def inked_share(colours: Tensor) -> float:
    """Return the share of what is not ground that is ink, or a mixture of both.

    A drawing in one colour has 1, whatever the colours; a coloured thing on a plain ground has less, although
    nearly all of the picture may be ground. Without anything on the ground it is 1.

    Args:
        colours: From 0 to 1, ``[3, side, side]``.

    Returns:
        From 0 to 1.

    Example:
        >>> page = torch.ones(3, 28, 28)
        >>> page[1:, 5:20, 10:12] = 0
        >>> inked_share(page)
        1.0
        >>> page[0, 5:20, 12:14] = 0.5
        >>> inked_share(page)
        0.5
    """
    _, ground, distance, pixels, ink = _two_colours(colours)
    off = distance > _NEAR
    if not off.any():
        return 1.0
    return _mixed(pixels, ground, ink)[off].float().mean().item()


def _two_colours(colours: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return border and ground, how far pixels are from it, pixels and ink; colours are ``[3, pixel]``."""
    edge = torch.cat([colours[:, [0, -1]].flatten(1), colours[:, :, [0, -1]].flatten(1)], dim=1)
    pixels = colours.flatten(1)
    ground = edge.median(dim=1, keepdim=True).values
    distance = (pixels - ground).abs().amax(0)
    reach = distance.topk(max(1, round(_FARTHEST * len(distance)))).values[-1]
    return edge, ground, distance, pixels, pixels[:, distance >= _INK * reach].mean(1, keepdim=True)


def _mixed(pixels: Tensor, ground: Tensor, ink: Tensor) -> Tensor:
    """Tell which pixels lie between ground and ink, bool ``[pixel]``."""
    across = ink - ground  # [3, 1]
    way = ((pixels - ground) * across).sum(0) / across.square().sum().clamp(min=1e-6)
    return (pixels - ground - across * way.clamp(0, 1)).abs().amax(0) <= _NEAR
