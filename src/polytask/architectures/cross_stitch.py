"""Cross-stitch networks: one network per task, mixed with the others after every layer."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.architectures.joined_tap import tap_together
from polytask.core import InputError, PerTask, Representation, Sharing
from polytask.core.batch import Inputs

__all__ = ["CrossStitch", "Stitch"]


@catalogued(
    ArchitectureEntry(
        name="cross-stitch",
        build=lambda plan: CrossStitch(plan.names, plan.layers(), channels=plan.widths),
        reference="Misra et al., CVPR 2016, arXiv:1604.03539",
        summary="a trunk for each task, mixed after each layer",
    )
)
class CrossStitch(Sharing):
    r"""Give every task a column of blocks, and let it read a mixture of all columns after each block.

    .. math:: \tilde x^{t,l}_c = \sum_s \alpha^l_{tsc} \, x^{s,l}_c, \qquad
        x^{t,l+1} = B^{t,l+1}(\tilde x^{t,l})

    :math:`x^{t,l}` is the output of block :math:`l` in the column of task :math:`t`, and :math:`c` runs over
    its channels, or :math:`\alpha` is the same for all of them. :math:`\tilde x^{t,L}` goes to the head.
    At first :math:`\alpha_{tt}` is ``own``, and the other tasks have equal parts of the rest.

    What is private: a parameter that only one task's objective can reach. The last stitch mixes every column
    into every task, so that all tasks move all columns: they are shared, although each is named after a
    task. Private are a task's weights :math:`\alpha^L_t` in the last stitch alone. For the same reason all
    columns are run, also where only some tasks are asked. The place where a task leaves the shared part is
    the outputs of all columns.

    Args:
        names: The names of all tasks.
        build_blocks: For each layer, what makes the block of one column: first from inputs, then from the
            stitched outputs of the layer below, to ``[batch, channel, ...]``; the columns' outputs have
            equal shapes. A block may hold several layers: stitches stand between blocks only.
        channels: The number of channels of each layer's output, for a weight per channel as in the paper;
            None for one weight for all of them.
        own: :math:`\alpha_{tt}` at the start, from 0 to 1.

    Raises:
        InputError: There is no layer, ``channels`` has another number of them, or ``own`` is not from 0 to
            1; or, when run, a block's output has other channels than told.

    When to use:
        Trained networks of a few tasks that shall be coupled, layer by layer. Parameters grow
        with the tasks, exchange with their square.

    References:
        Ishan Misra et al., "Cross-stitch Networks for Multi-task Learning", CVPR 2016, arXiv:1604.03539.
        Deviations: any number of tasks where the paper has two, with :math:`\alpha_D = 1 - \alpha_S` spread
        over the others; columns start as their factories make them, where the paper starts from networks
        trained on one task; all parameters have one learning rate, where the paper gives the stitches one
        that is higher by orders of magnitude. For that, put the parameters of the `Stitch` modules into an
        optimizer's group of their own.

    Example:
        >>> blocks = [lambda: nn.Conv2d(3, 8, 3), lambda: nn.Conv2d(8, 4, 3)]
        >>> sharing = CrossStitch(["a", "b"], blocks, channels=[8, 4])
        >>> sharing(torch.zeros(5, 3, 7, 7), ["b"]).by_task["b"].shape
        torch.Size([5, 4, 3, 3])
    """

    def __init__(
        self,
        names: Sequence[str],
        build_blocks: Sequence[Callable[[], nn.Module]],
        *,
        channels: Sequence[int] | None,
        own: float = 0.9,
    ) -> None:
        super().__init__()
        n_channels = [None] * len(build_blocks) if channels is None else list(channels)
        if not build_blocks or len(build_blocks) != len(n_channels):
            raise InputError(
                "`build_blocks` and `channels` need one entry for each layer, and there must be a layer; "
                f"got {len(build_blocks)} and {len(n_channels)}."
            )
        self.channels = tuple(n_channels)
        tasks = range(len(names))
        self.layers = nn.ModuleList([_Layer(build, len(names)) for build in build_blocks])
        self.stitches = nn.ModuleList(
            [Stitch(len(names), tasks, own=own, channels=width) for width in self.channels[:-1]]
        )
        self.last_stitch = PerTask(
            {
                name: Stitch(len(names), [task], own=own, channels=self.channels[-1])
                for task, name in enumerate(names)
            }
        )

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        if not names:
            return Representation(by_task={})
        said = self._said(0, [inputs] * len(self.last_stitch))
        for below, stitch in enumerate(self.stitches):
            said = self._said(below + 1, stitch(said).unbind(1))
        taps, parts = tap_together([said], names)
        by_task = {name: self.last_stitch[name](parts[name][0])[:, 0] for name in names}
        return Representation(by_task=by_task, taps=taps)

    def _said(self, layer: int, streams: Sequence[Inputs]) -> Tensor:
        """Return what a layer's blocks say, ``[batch, task, channel, ...]``."""
        said: Tensor = self.layers[layer](streams)
        expected = self.channels[layer]
        if expected is not None and (said.ndim < 3 or said.shape[2] != expected):
            raise InputError(
                f"A block of layer {layer} gives shape {(len(said), *said.shape[2:])}, but `channels` says "
                f"that its second dimension is {expected}."
            )
        return said


class Stitch(nn.Module):
    r"""Mix outputs of equal shape linearly, with learned weights that are free in sign and size.

    .. math:: \tilde x^o = \sum_i \alpha_{oi} \, x^i

    Args:
        n_inputs: How many outputs are mixed; 1 or more.
        indices: For each mixture, which of them is its own.
        own: :math:`\alpha` of its own one at the start, from 0 to 1; the others have equal parts of the
            rest, and a single one has 1.
        channels: The number of channels, for a weight per channel; None for one weight for all of them.

    Raises:
        InputError: ``own`` is not from 0 to 1.

    Example:
        >>> stitch = Stitch(2, [1], own=0.75)
        >>> stitch(torch.tensor([[[10.0, 20.0], [30.0, 40.0]]]))  # one row, two outputs of two channels
        tensor([[[25., 35.]]], grad_fn=...)
    """

    def __init__(
        self, n_inputs: int, indices: Sequence[int], *, own: float, channels: int | None = None
    ) -> None:
        super().__init__()
        if not 0 <= own <= 1:
            raise InputError(f"The weight at the start that an output has for itself is {own}; give 0 to 1.")
        rest = (1 - own) / max(n_inputs - 1, 1)
        weights = torch.full((len(indices), n_inputs), rest)
        weights[range(len(indices)), list(indices)] = own if n_inputs > 1 else 1.0
        if channels is not None:
            weights = weights.unsqueeze(-1).repeat(1, 1, channels)
        self.weights = nn.Parameter(weights)  # [mixture, input], or [mixture, input, channel]

    def forward(self, outputs: Tensor) -> Tensor:
        """Return the mixtures ``[batch, mixture, channel, ...]`` of ``[batch, input, channel, ...]``."""
        if self.weights.ndim == 2:
            return torch.einsum("bi...,mi->bm...", outputs, self.weights)
        return torch.einsum("bic...,mic->bmc...", outputs, self.weights)


class _Layer(nn.Module):
    """The blocks of one layer, one for each column."""

    def __init__(self, build: Callable[[], nn.Module], n_columns: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([build() for _ in range(n_columns)])

    def forward(self, streams: Sequence[Inputs]) -> Tensor:
        """Return ``[batch, column, ...]``."""
        return torch.stack([block(stream) for block, stream in zip(self.blocks, streams, strict=True)], dim=1)
