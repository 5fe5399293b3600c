"""Sluice networks: the subspaces of all tasks are mixed at every layer, and every task mixes its layers."""

from collections.abc import Callable, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from polytask.architectures.cross_stitch import Stitch
from polytask.architectures.experts import Experts
from polytask.architectures.joined_tap import tap_together
from polytask.core import InputError, PerTask, Representation, Sharing
from polytask.core.batch import Inputs

__all__ = ["Sluice"]


class Sluice(Sharing):
    r"""Cut every layer of every task into subspaces, mix those of all tasks, and mix the layers per task.

    .. math::
        h^{t,l}_i &= B^{t,l}_i(\tilde h^{t,l-1}), \qquad
        \tilde h^{t,l} = \Bigl[\sum_{s,j} \alpha^l_{ti,sj} \, h^{s,l}_j\Bigr]_{i=1}^{S}, \qquad
        f^t = \sum_l \beta^t_l \, \tilde h^{t,l} \\
        \Omega &= \lambda \sum_{t,l} \sum_{i<j} \lVert {G^{t,l}_i}^\top G^{t,l}_j \rVert_F^2

    :math:`h^{t,l}_i` is subspace :math:`i` of task :math:`t` in layer :math:`l`; the mixtures of a task's
    subspaces, joined along the channels, are what it reads in the next layer. :math:`G` has a column of
    weights for each unit of a subspace, so that :math:`\Omega` is 0 where subspaces read orthogonal
    directions of their input. With one subspace and no mixing of layers this is `CrossStitch`.

    What is private: a parameter that only one task's objective can reach. The last :math:`\alpha` mixes all
    subspaces into every task, so that all tasks move all blocks: they are shared, although each is named
    after a task. Private are a task's rows of the last :math:`\alpha` and its :math:`\beta`. For the same
    reason all blocks are run, also where only some tasks are asked. The place where a task leaves the
    shared part is the subspaces of all tasks in the last layer, together with the mixtures of the layers
    below where layers are mixed.

    Args:
        names: The names of all tasks.
        build_blocks: For each layer, what makes the block of one subspace: first from inputs (or the stem's
            output), then from :math:`S` times the channels of the layer below, to ``[batch, channel, ...]``.
            The units of a weight are its first dimension.
        n_subspaces: :math:`S`; 1 or more.
        strength: :math:`\lambda`, how strongly subspaces are made orthogonal; 0 or more.
        mix_layers: Whether to mix layers; their outputs must have equal shapes. Without,
            :math:`f^t = \tilde h^{t,L}`.
        own: Weight at the start that a subspace has for itself in :math:`\alpha`, from 0 to 1, where the
            other subspaces have equal parts of the rest; None for equal weights.
        last: :math:`\beta` of the last layer at the start, from 0 to 1; the others have equal parts of the
            rest.
        stem: A shared module before the first layer, from inputs to ``[batch, ...]``; None for none.

    Raises:
        InputError: There is no layer or no subspace, ``strength`` is negative, ``own`` or ``last`` is not
            from 0 to 1; or, when run, layers that are mixed differ in shape.

    When to use:
        As `CrossStitch`, where layers should be shared in part and tasks choose from which depth
        they read. Many parameters of the sharing itself.

    References:
        Sebastian Ruder et al., "Latent Multi-Task Architecture Learning", AAAI 2019, arXiv:1705.08142
        (first called "Sluice networks: Learning what to share between loosely related tasks"). ``own`` and
        ``last`` are as in the authors' training script. Deviations: a subspace is a block of its own, where
        the paper cuts the units of one layer, which for recurrent and deep blocks leaves connections between
        the subspaces; any number of subspaces, where the paper has two; :math:`\Omega` compares all weights
        of two or more dimensions, by units, where the authors' code takes chosen matrices of an LSTM and
        compares their halves by inputs; the default of ``strength`` is ours, their script's is 0. The
        paper's weights of the tasks' losses are no part of it.

    Example:
        >>> blocks = [lambda: nn.Linear(3, 4), lambda: nn.Linear(2 * 4, 4)]
        >>> sharing = Sluice(["a", "b"], blocks)
        >>> sharing(torch.zeros(5, 3), ["b"]).by_task["b"].shape
        torch.Size([5, 8])
    """

    def __init__(
        self,
        names: Sequence[str],
        build_blocks: Sequence[Callable[[], nn.Module]],
        *,
        n_subspaces: int = 2,
        strength: float = 1e-2,
        mix_layers: bool = True,
        own: float | None = None,
        last: float = 0.9,
        stem: nn.Module | None = None,
    ) -> None:
        super().__init__()
        _check(len(build_blocks), n_subspaces, strength, own, last)
        self.names, self.strength = tuple(names), strength
        self.stem = stem
        n_all = len(names) * n_subspaces
        own = 1 / n_all if own is None else own
        self.layers = nn.ModuleList([_Layer(build, len(names), n_subspaces) for build in build_blocks])
        self.alphas = nn.ModuleList([Stitch(n_all, range(n_all), own=own) for _ in build_blocks[:-1]])
        self.last_alpha = PerTask(
            {
                name: Stitch(n_all, range(task * n_subspaces, (task + 1) * n_subspaces), own=own)
                for task, name in enumerate(names)
            }
        )
        n_layers = len(build_blocks)
        self.betas = None
        if mix_layers and n_layers > 1:  # one layer has nothing to mix
            self.betas = PerTask({name: Stitch(n_layers, [n_layers - 1], own=last) for name in names})

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        if not names:
            return Representation(by_task={})
        asked = [self.names.index(name) for name in names]
        below: list[Tensor] = []  # layer by layer, what those tasks read that are asked
        start = inputs if self.stem is None else self.stem(inputs)
        said: Tensor = self.layers[0]([start] * len(self.names))  # [batch, task and subspace, channel, ...]
        for alpha, layer in zip(self.alphas, self.layers[1:], strict=True):
            streams = [_joined(mixed) for mixed in alpha(said).chunk(len(self.names), dim=1)]
            below += [streams[task] for task in asked] if self.betas is not None else []
            said = layer(streams)
        taps, parts = tap_together([said, *below], names)
        by_task = {}
        for position, name in enumerate(names):
            top, *rest = parts[name]
            by_task[name] = _joined(self.last_alpha[name](top))
            if self.betas is not None:
                layers = _stacked([*rest[position :: len(names)], by_task[name]])
                by_task[name] = self.betas[name](layers)[:, 0]
        penalty = self._penalty() if self.training else None
        return Representation(by_task=by_task, penalty=penalty, taps=taps)

    def _penalty(self) -> Tensor | None:
        if self.strength == 0:
            return None
        products = [
            product for layer in self.layers if isinstance(layer, _Layer) for product in layer.overlaps()
        ]
        return self.strength * torch.stack(products).sum() if products else None


class _Layer(nn.Module):
    """The blocks of one layer: those of each task read the same."""

    def __init__(self, build: Callable[[], nn.Module], n_tasks: int, n_subspaces: int) -> None:
        super().__init__()
        self.tasks = nn.ModuleList([Experts(build, n_subspaces) for _ in range(n_tasks)])

    def forward(self, streams: Sequence[Inputs]) -> Tensor:
        """Return ``[batch, task and subspace, channel, ...]``."""
        return torch.cat([task(stream) for task, stream in zip(self.tasks, streams, strict=True)], dim=1)

    def overlaps(self) -> list[Tensor]:
        """Return how far each two subspaces of a task are from orthogonal, a scalar for each weight."""
        pairs = [
            pair
            for task in self.tasks
            if isinstance(task, Experts)
            for pair in combinations(task.networks, 2)
        ]
        return [
            (left.flatten(1) @ right.flatten(1).T).square().sum()  # [unit, unit] before the sum
            for first, second in pairs
            for left, right in zip(first.parameters(), second.parameters(), strict=True)
            if left.ndim > 1
        ]


def _joined(subspaces: Tensor) -> Tensor:
    """Turn ``[batch, subspace, channel, ...]`` into ``[batch, all channels, ...]``."""
    return subspaces.flatten(1, 2)


def _stacked(layers: Sequence[Tensor]) -> Tensor:
    """Return ``[batch, layer, channel, ...]``."""
    shapes = [tuple(layer.shape[1:]) for layer in layers]
    if len(set(shapes)) > 1:
        raise InputError(
            f"Layers are mixed, but give shapes {', '.join(map(str, shapes))} for a row. Make them equal, or "
            "give `mix_layers=False`."
        )
    return torch.stack(list(layers), dim=1)


def _check(n_layers: int, n_subspaces: int, strength: float, own: float | None, last: float) -> None:
    """List all that is wrong."""
    problems = []
    if n_layers < 1:
        problems.append("`build_blocks` needs an entry for each layer, and there must be a layer")
    if n_subspaces < 1:
        problems.append(f"`n_subspaces` must be 1 or more, got {n_subspaces}")
    if not strength >= 0:
        problems.append(f"`strength` must be 0 or more, got {strength}")
    for what, weight in {"own": own, "last": last}.items():
        if weight is not None and not 0 <= weight <= 1:
            problems.append(f"`{what}` must be from 0 to 1, got {weight}")
    if problems:
        raise InputError("; ".join(problems) + ".")
