"""A tree of blocks: tasks share a trunk and leave it in groups, at the depths that you choose."""

from collections import Counter
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from polytask.architectures.joined_tap import tap_together
from polytask.core import InputError, PerTask, Representation, Sharing
from polytask.core.batch import Inputs

__all__ = ["BranchingTree"]


class BranchingTree(Sharing):
    r"""Give every group of tasks its own block at each depth; groups split as the depth grows.

    .. math:: x^{l}_{G} = B^{l}_{G}(x^{l-1}_{P(G)}), \qquad x^{0} = x

    where :math:`G` runs over the groups of depth :math:`l`, and :math:`P(G) \supseteq G` is the group one
    depth above from which it branches off. With one group throughout this is `HardSharing`, with every task
    apart from the start the tasks are separate models.

    A block of two or more tasks is shared, that of a single task private to it. The place where a task
    leaves the shared part is the output of its last shared block; all these outputs are tapped together. A
    block is run once for all its tasks, and not at all where none of them is asked.

    Args:
        names: The names of all tasks.
        build_blocks: For each depth, what makes one of its blocks: first from inputs, then from the outputs
            of the depth before, to ``[batch, ...]``.
        groups: For each depth, the groups of tasks that share a block there. Every task is in one group of
            each depth, and a group lies within one of the depth before: what has parted does not meet again.

    Raises:
        InputError: There is no depth, ``groups`` has another number of them, or a depth's groups are no
            partition of the tasks into parts of the groups before.

    When to use:
        Where you know which tasks are nearer: they share layers longer.

    References:
        Yongxi Lu et al., "Fully-adaptive Feature Sharing in Multi-Task Networks with Applications in Person
        Attribute Classification", CVPR 2017, arXiv:1611.05377; Simon Vandenhende et al., "Branched
        Multi-Task Networks: Deciding What Layers To Share", BMVC 2020, arXiv:1904.02920. Deviations: the
        tree is given, where the first paper grows it while it trains and the second finds it by comparing
        the representations of separate models; the blocks' form is free.

    Example:
        >>> import torch
        >>> sharing = BranchingTree(
        ...     ["cat", "dog", "car"],
        ...     [lambda: nn.Linear(3, 8), lambda: nn.Linear(8, 4)],
        ...     groups=[[["cat", "dog", "car"]], [["cat", "dog"], ["car"]]],
        ... )
        >>> sharing(torch.zeros(5, 3), ["dog", "car"]).by_task["car"].shape
        torch.Size([5, 4])
    """

    def __init__(
        self,
        names: Sequence[str],
        build_blocks: Sequence[Callable[[], nn.Module]],
        *,
        groups: Sequence[Sequence[Sequence[str]]],
    ) -> None:
        super().__init__()
        problems = _problems(names, len(build_blocks), groups)
        if problems:
            raise InputError("`groups` is no tree of the tasks: " + "; ".join(problems) + ".")
        shared = [
            (tuple(group), build)
            for build, level in zip(build_blocks, groups, strict=True)
            for group in level
            if len(group) > 1
        ]
        self.groups = tuple(group for group, _ in shared)  # from the root on
        self.shared = nn.ModuleList([build() for _, build in shared])
        self.private = PerTask({name: self._own(name, build_blocks) for name in names})

    def _own(self, name: str, build_blocks: Sequence[Callable[[], nn.Module]]) -> nn.Sequential:
        """Build the blocks of the depths at which a task is alone; perhaps none."""
        depth = sum(name in group for group in self.groups)
        return nn.Sequential(*[build() for build in build_blocks[depth:]])

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        streams: dict[str, Inputs] = dict.fromkeys(names, inputs)
        leaves: dict[str, int] = {}  # by task, the position of its last shared output among `outputs`
        outputs: list[Tensor] = []
        for group, block in zip(self.groups, self.shared, strict=True):
            asked = [name for name in names if name in group]
            if asked:
                output: Tensor = block(streams[asked[0]])  # [batch, ...]
                for name in asked:
                    streams[name], leaves[name] = output, len(outputs)
                outputs.append(output)
        kept = sorted(set(leaves.values()))
        if not kept:  # no task that is asked shares anything
            return Representation(by_task={name: self.private[name](inputs) for name in names})
        taps, parts = tap_together([outputs[position] for position in kept], names)
        for name, position in leaves.items():
            streams[name] = parts[name][kept.index(position)]
        return Representation(by_task={name: self.private[name](streams[name]) for name in names}, taps=taps)


def _problems(names: Sequence[str], n_depths: int, groups: Sequence[Sequence[Sequence[str]]]) -> list[str]:
    """Say all that keeps groups from being a tree."""
    if not groups or len(groups) != n_depths:
        return [
            "it and `build_blocks` need one entry for each depth, and there must be a depth; got "
            f"{len(groups)} and {n_depths}"
        ]
    problems = []
    for depth, level in enumerate(groups):
        found = Counter(name for group in level for name in group)
        for what, wrong in {
            "lacks": [name for name in names if name not in found],
            "repeats": [name for name in found if found[name] > 1],
            "has unknown": [name for name in found if name not in names],
        }.items():
            if wrong:
                problems.append(f"depth {depth} {what} {', '.join(map(repr, wrong))}")
        above = [set(group) for group in groups[depth - 1]] if depth else [set(found)]
        for group in level:
            if not any(set(group) <= whole for whole in above):
                problems.append(
                    f"depth {depth} joins {', '.join(map(repr, group))}, which parted at a depth before"
                )
    return problems
