"""A small residual network for images."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from polytask.core import InputError

__all__ = ["ResNet"]

Normalization = Literal["batch", "group"]


class ResNet(nn.Module):
    r"""Encode images by stages of residual blocks, and average over the positions that remain.

    .. math::
        y = \operatorname{ReLU}\bigl(x + N(K_2\, \operatorname{ReLU}(N(K_1 x)))\bigr)

    :math:`K` are 3x3 convolutions and :math:`N` normalizations. The first block of every stage but the first
    halves the height and the width of its maps; where it changes their shape, a 1x1 convolution and a
    normalization stand in place of the plain :math:`x`.

    Args:
        n_channels: Channels of the images: 1 for grey, 3 for colour.
        widths: Channels of each stage; the last one is the width of the representation.
        n_blocks: Blocks of each stage. The paper's networks for images of 32x32 have widths 16, 32, 64 and 3
            to 18 blocks.
        normalization: ``"batch"``, as in the paper; or ``"group"``, which treats each image by itself, and so
            serves small batches, episodes, and tasks whose images differ.
        n_groups: Groups of channels for ``"group"``; it must divide every width.

    Raises:
        InputError: There is no stage, a size is below 1, the normalization is unknown, or the groups do not
            fit; or, when run, the inputs are not images of so many channels.

    References:
        Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun, "Deep Residual Learning for Image Recognition",
        CVPR 2016, arXiv:1512.03385: the networks for small images. Deviation: 1x1 convolutions where maps
        change their shape, which there serve the large networks. Group normalization: Yuxin Wu, Kaiming He,
        "Group Normalization", ECCV 2018, arXiv:1803.08494.

    Example:
        >>> import torch
        >>> ResNet(3, [8, 16], n_blocks=1)(torch.zeros(5, 3, 28, 28)).shape
        torch.Size([5, 16])
    """

    def __init__(
        self,
        n_channels: int,
        widths: Sequence[int] = (16, 32, 64),
        *,
        n_blocks: int = 2,
        normalization: Normalization = "batch",
        n_groups: int = 8,
    ) -> None:
        super().__init__()
        problems = []
        if not widths or min(n_channels, n_blocks, n_groups, *widths) < 1:
            problems.append(
                f"`widths` needs a stage, and every size must be at least 1; got `n_channels` {n_channels}, "
                f"`widths` {list(widths)}, `n_blocks` {n_blocks} and `n_groups` {n_groups}"
            )
        elif normalization == "group" and (unfit := [width for width in widths if width % n_groups]):
            problems.append(f"`n_groups` is {n_groups}, which does not divide {unfit} of `widths`")
        if normalization not in ("batch", "group"):
            problems.append(f"`normalization` is {normalization!r}; use 'batch' or 'group'")
        if problems:
            raise InputError("; ".join(problems) + ".")
        self.n_channels = n_channels
        groups = n_groups if normalization == "group" else None
        layers = [_convolution(n_channels, widths[0]), _normalization(widths[0], groups), nn.ReLU()]
        n_in = widths[0]
        for stage, width in enumerate(widths):
            for block in range(n_blocks):
                layers.append(_Block(n_in, width, stride=2 if stage and not block else 1, groups=groups))
                n_in = width
        self.layers = nn.Sequential(*layers)

    def forward(self, inputs: Tensor) -> Tensor:
        """Represent images ``[image, channel, height, width]`` as ``[image, width]``."""
        if inputs.ndim != 4 or inputs.shape[1] != self.n_channels:
            raise InputError(
                f"The inputs must be [image, {self.n_channels}, height, width], but have shape "
                f"{tuple(inputs.shape)}."
            )
        return self.layers(inputs).mean((2, 3))


class _Block(nn.Module):
    """Two convolutions, added to what came in."""

    def __init__(self, n_in: int, n_out: int, *, stride: int, groups: int | None) -> None:
        super().__init__()
        self.change = nn.Sequential(
            _convolution(n_in, n_out, stride=stride),
            _normalization(n_out, groups),
            nn.ReLU(),
            _convolution(n_out, n_out),
            _normalization(n_out, groups),
        )
        self.keep = nn.Sequential()
        if stride != 1 or n_in != n_out:
            self.keep.append(_convolution(n_in, n_out, size=1, stride=stride))
            self.keep.append(_normalization(n_out, groups))

    def forward(self, inputs: Tensor) -> Tensor:
        return (self.keep(inputs) + self.change(inputs)).relu()


def _convolution(n_in: int, n_out: int, *, size: int = 3, stride: int = 1) -> nn.Module:
    # Without bias, since the normalization that follows has one.
    convolution = nn.Conv2d(n_in, n_out, size, stride=stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return convolution


def _normalization(width: int, groups: int | None) -> nn.Module:
    return nn.BatchNorm2d(width) if groups is None else nn.GroupNorm(groups, width)
