"""FiLM: one trunk for all tasks, whose features every task scales and shifts after each block."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.core import InputError, PerTask, Representation, Sharing
from polytask.core.batch import Inputs
from polytask.core.shared_model import tap

__all__ = ["FiLMSharing"]


@catalogued(
    ArchitectureEntry(
        name="film",
        build=lambda plan: FiLMSharing(
            plan.names, [build() for build in plan.layers()], channels=plan.widths
        ),
        reference="Perez et al., AAAI 2018, arXiv:1709.07871",
        summary="one trunk, whose features every task scales and shifts",
    )
)
class FiLMSharing(Sharing):
    r"""Run one chain of blocks for every task, and modulate each block's features by task.

    .. math:: x^{t,l} = \gamma^{t,l} \odot B^l(x^{t,l-1}) + \beta^{t,l}, \qquad
        (\gamma^{t} - 1, \beta^{t}) = A e_t + b

    :math:`\gamma^{t,l}, \beta^{t,l}` have one number per channel. They are the task's own, or, with
    ``embedding_width``, a linear layer :math:`A, b` that all tasks share makes them of the task's embedding
    :math:`e_t`. At first :math:`\gamma = 1` and :math:`\beta = 0`, so that this is `HardSharing`.

    Private are a task's :math:`\gamma, \beta`, or its embedding; the blocks and :math:`A, b` are shared. The
    first block does not depend on the task and is run once; the others are run once for every task that is
    asked. Shared blocks follow private modulations, so that there is no place where a task leaves the shared
    part; only a single block that tasks modulate by numbers of their own has one, its output.

    Args:
        names: The names of all tasks.
        blocks: The chain. The first block reads the inputs, each other one the modulated output of the block
            before; every output is a vector ``[batch, channel]``, a sequence ``[batch, place, channel]`` or a
            map ``[batch, channel, ...]`` of 2 or more spatial dimensions. Batch normalization in a block
            after the first sees the features of all tasks, one task after the other, and its running
            statistics mix them.
        channels: The number of channels of each block's output.
        embedding_width: The width of :math:`e_t`; None for :math:`\gamma, \beta` of the task's own.

    Raises:
        InputError: There is no block, ``channels`` has another number of them, or a width is below 1; or,
            when run, a block's output has other channels than told.

    When to use:
        Many tasks, or few parameters for each: a scale and a shift a unit. Too little freedom
        where tasks need other features.

    References:
        Ethan Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018,
        arXiv:1709.07871. Deviations: the condition is the task, where the paper reads it from a question; the
        modulation follows a whole block, where the paper's stands before the last ReLU of a residual block
        (for that order, let a block begin with the ReLU); modulations start at the identity exactly.

    Example:
        >>> blocks = [nn.Linear(3, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 4))]
        >>> sharing = FiLMSharing(["a", "b"], blocks, channels=[8, 4], embedding_width=2)
        >>> sharing(torch.zeros(5, 3), ["b"]).by_task["b"].shape
        torch.Size([5, 4])
    """

    def __init__(
        self,
        names: Sequence[str],
        blocks: Sequence[nn.Module],
        *,
        channels: Sequence[int],
        embedding_width: int | None = None,
    ) -> None:
        super().__init__()
        problems = _problems(len(blocks), channels, embedding_width)
        if problems:
            raise InputError("; ".join(problems) + ".")
        self.channels = tuple(channels)
        self.blocks = nn.ModuleList(blocks)
        n_numbers = 2 * sum(channels)
        self.generator = None if embedding_width is None else _zero_linear(embedding_width, n_numbers)
        self.conditions = PerTask(
            {
                name: _Condition(
                    torch.zeros(n_numbers) if embedding_width is None else torch.randn(embedding_width)
                )
                for name in names
            }
        )

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        if not names:
            return Representation(by_task={})
        streams = tap(self._said(0, inputs), names)
        leaves_here = len(self.blocks) == 1 and self.generator is None
        by_task = {name: self._rest(streams[name], self._numbers(name)) for name in names}
        return Representation(by_task=by_task, taps=streams if leaves_here else None)

    def _numbers(self, name: str) -> list[tuple[Tensor, Tensor]]:
        """Return a task's scale and shift after each block, each ``[channel]``."""
        numbers: Tensor = self.conditions[name]()
        if self.generator is not None:
            numbers = self.generator(numbers)
        parts = numbers.split([2 * width for width in self.channels])
        return [(1 + part[:width], part[width:]) for part, width in zip(parts, self.channels, strict=True)]

    def _rest(self, first: Tensor, numbers: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        """Modulate the output of the first block, and run the other blocks."""
        stream = _modulated(first, *numbers[0])
        for position in range(1, len(self.blocks)):
            stream = _modulated(self._said(position, stream), *numbers[position])
        return stream

    def _said(self, position: int, inputs: Inputs) -> Tensor:
        """Return the output of one block, of which the channels are as told."""
        said: Tensor = self.blocks[position](inputs)
        axis, expected = _channel_axis(said), self.channels[position]
        if said.ndim < 2 or said.shape[axis] != expected:
            raise InputError(
                f"Block {position} gives shape {tuple(said.shape)}, but `channels` says that it has "
                f"{expected} channels: the last dimension of a vector or a sequence, the second of a map."
            )
        return said


class _Condition(nn.Module):
    """What a task brings along: one vector."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.vector = nn.Parameter(start)

    def forward(self) -> Tensor:
        return self.vector


def _channel_axis(features: Tensor) -> int:
    return 1 if features.ndim > 3 else -1


def _modulated(features: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    if _channel_axis(features) == 1:
        places = (1,) * (features.ndim - 2)
        scale, shift = scale.reshape(-1, *places), shift.reshape(-1, *places)  # [channel, 1, ...]
    return scale * features + shift


def _zero_linear(n_inputs: int, n_outputs: int) -> nn.Linear:
    """Build a linear layer that says 0; it learns, as the embeddings that it reads are not 0."""
    layer = nn.Linear(n_inputs, n_outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _problems(n_blocks: int, channels: Sequence[int], embedding_width: int | None) -> list[str]:
    problems = []
    if not n_blocks or n_blocks != len(channels):
        problems.append(
            "`blocks` and `channels` need one entry for each block, and there must be a block; got "
            f"{n_blocks} and {len(channels)}"
        )
    if any(width < 1 for width in channels):
        problems.append(f"`channels` must be 1 or more, got {list(channels)}")
    if embedding_width is not None and embedding_width < 1:
        problems.append(
            f"`embedding_width` must be 1 or more, or None for a scale and a shift of the task's own; got "
            f"{embedding_width}"
        )
    return problems
