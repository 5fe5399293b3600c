"""MTAN: every task attends to the features of one shared network, level by level."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.architectures.joined_tap import tap_together
from polytask.core import InputError, PerTask, Representation, Sharing
from polytask.core.batch import Inputs

__all__ = ["MTAN"]


@catalogued(
    ArchitectureEntry(
        name="mtan",
        build=lambda plan: MTAN(plan.names, [build() for build in plan.layers()], channels=plan.widths),
        reference="Liu, Johns, Davison, CVPR 2019, arXiv:1803.10704",
        summary="one trunk, which every task reads by attention of its own",
    )
)
class MTAN(Sharing):
    r"""Run one shared chain of levels, and let every task mask what it wants of each level.

    .. math::
        \hat a^{t,j} = m^{t,j} \odot p^j, \qquad
        m^{t,j} = \sigma\bigl(h^{t,j}(\operatorname{ReLU}(g^{t,j}([p^j; f^{t,j}(\hat a^{t,j-1})])))\bigr)

    :math:`p^j` is the output of the shared level j, :math:`g` and :math:`h` mix channels (a 1x1 convolution,
    for vectors a linear layer), and :math:`f` carries what the task chose one level below to the channels and
    the size of this one; the first level has none. The task's representation is its choice at the last level.

    Masks never act on the shared chain, so that all of a task's attention is private, and the place where it
    leaves the shared part is the outputs of all levels together.

    Args:
        names: The names of all tasks.
        levels: The shared chain. The first level reads the inputs, each other one the output of the level
            before; every output is a vector ``[batch, channel]`` or a map ``[batch, channel, ...]`` of 1 to 3
            spatial dimensions.
        channels: The number of channels of each level's output.
        normalization: ``"batch"`` puts batch normalization after each of :math:`f, g, h`, as the paper does;
            it needs 2 or more values of a channel in training. ``"none"`` leaves it out.

    Raises:
        InputError: There is no level, ``channels`` has another number of them, the normalization is unknown;
            or, when run, a level's output has other channels than told.

    When to use:
        Images or other inputs with layers of features, of which each task picks its own by
        attention. A mask for each task and layer.

    References:
        Shikun Liu, Edward Johns, Andrew J. Davison, "End-to-End Multi-Task Learning with Attention", CVPR
        2019, arXiv:1803.10704. Deviations: a level has one output, where the paper reads the mask from one
        layer of a block and applies it to the next; f is private, so that nothing shared follows anything
        private; f mixes channels alone and averages over space, where the paper has a 3x3 convolution and max
        pooling. The paper's weighting of losses is no part of it.

    Example:
        >>> levels = [nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), nn.Conv2d(8, 16, 3, stride=2)]
        >>> sharing = MTAN(["a", "b"], levels, channels=[8, 16])
        >>> sharing(torch.zeros(5, 3, 11, 11), ["b"]).by_task["b"].shape
        torch.Size([5, 16, 4, 4])
    """

    def __init__(
        self,
        names: Sequence[str],
        levels: Sequence[nn.Module],
        *,
        channels: Sequence[int],
        normalization: Literal["batch", "none"] = "batch",
    ) -> None:
        super().__init__()
        problems = []
        if not levels or len(levels) != len(channels):
            problems.append(
                f"`levels` and `channels` need one entry for each level, and there must be a level; got "
                f"{len(levels)} and {len(channels)}"
            )
        if normalization not in ("batch", "none"):
            problems.append(f"`normalization` is {normalization!r}; use 'batch' or 'none'")
        if problems:
            raise InputError("; ".join(problems) + ".")
        self.channels = tuple(channels)
        self.levels = nn.ModuleList(levels)
        self.attention = PerTask(
            {name: _Attention(self.channels, normalize=normalization == "batch") for name in names}
        )

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        if not names:
            return Representation(by_task={})
        shared: list[Tensor] = []
        seen = inputs
        for position, level in enumerate(self.levels):
            seen = level(seen)  # [batch, channel, ...]
            if seen.ndim < 2 or seen.shape[1] != self.channels[position]:
                raise InputError(
                    f"Level {position} gives shape {tuple(seen.shape)}, but `channels` says that its second "
                    f"dimension is {self.channels[position]}."
                )
            shared.append(seen)
        taps, parts = tap_together(shared, names)
        return Representation(by_task={name: self.attention[name](parts[name]) for name in names}, taps=taps)


class _Attention(nn.Module):
    """The masks of one task at all levels."""

    def __init__(self, channels: Sequence[int], *, normalize: bool) -> None:
        super().__init__()
        reads = [channels[0], *(2 * width for width in channels[1:])]
        self.carry = nn.ModuleList([_Channels(below, own, normalize) for below, own in pairwise(channels)])
        self.read = nn.ModuleList(
            [_Channels(n_in, n_out, normalize) for n_in, n_out in zip(reads, channels, strict=True)]
        )
        self.mask = nn.ModuleList([_Channels(width, width, normalize) for width in channels])

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Return what the task chooses of the last of the levels, ``[batch, channel, ...]``."""
        chosen = self._choose(0, levels[0], levels[0])
        for position in range(1, len(levels)):
            level = levels[position]
            carried = _resized(self.carry[position - 1](chosen).relu(), level.shape[2:])
            chosen = self._choose(position, torch.cat([level, carried], dim=1), level)
        return chosen

    def _choose(self, position: int, read: Tensor, level: Tensor) -> Tensor:
        mask = self.mask[position](self.read[position](read).relu()).sigmoid()  # [batch, channel, ...]
        return mask * level


class _Channels(nn.Module):
    """Mix the channels at every place alike, for vectors and for maps of any number of dimensions."""

    def __init__(self, n_inputs: int, n_outputs: int, normalize: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(n_inputs, n_outputs, 1, bias=not normalize)
        self.normalization = nn.BatchNorm1d(n_outputs) if normalize else nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return ``[batch, output channel, ...]`` for ``[batch, input channel, ...]``."""
        places = inputs.reshape(*inputs.shape[:2], -1)  # [batch, channel, place]
        outputs = self.normalization(self.convolution(places))
        return outputs.reshape(*outputs.shape[:2], *inputs.shape[2:])


def _resized(inputs: Tensor, size: torch.Size) -> Tensor:
    """Bring a map to another spatial size, by averages where it shrinks; a vector is a map of one place."""
    if inputs.shape[2:] == size:
        return inputs
    if inputs.ndim == len(size) + 2:
        return functional.interpolate(inputs, size=size, mode="area")
    mean = inputs.reshape(*inputs.shape[:2], -1).mean(-1)  # [batch, channel]
    return mean.reshape(*mean.shape, *(1 for _ in size)).expand(*mean.shape, *size)
