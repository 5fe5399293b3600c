"""PLE: levels of shared and task experts that separate progressively."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.architectures.experts import Experts, mix
from polytask.architectures.gates import BuildGate, SoftmaxGate
from polytask.architectures.joined_tap import tap_together
from polytask.core import InputError, PerTask, Representation, Sharing
from polytask.core.batch import Inputs

__all__ = ["PLE"]


@catalogued(
    ArchitectureEntry(
        name="ple",
        build=lambda plan: PLE(plan.names, plan.layers(), gates=plan.sizes, n_shared=2),
        reference="Tang et al., RecSys 2020",
        summary="shared and private experts, level after level",
        least_depth=2,
    )
)
class PLE(Sharing):
    r"""Stack levels of experts: some for each task, some for all, and a gate for each of these streams.

    With :math:`x^{t,0} = x^{s,0} = x`, level :math:`l` has experts :math:`E^{t,l}` of every task and shared
    ones :math:`E^{s,l}`, and mixes them by

    .. math::
        x^{t,l} &= g^{t,l}(x^{t,l-1}) \cdot [E^{t,l}(x^{t,l-1}), E^{s,l}(x^{s,l-1})] \\
        x^{s,l} &= g^{s,l}(x^{s,l-1}) \cdot
            [E^{1,l}(x^{1,l-1}), \dots, E^{T,l}(x^{T,l-1}), E^{s,l}(x^{s,l-1})]

    with softmax gates. The last level has no shared gate; :math:`x^{t,L}` goes to the head of task
    :math:`t`. For a single level use `CGC`.

    What is private: a parameter that only one task's objective can reach. Below the last level the shared
    gate reads the experts of every task, so that all tasks move them: they are shared, whatever their
    name. Private are the task experts of the last level, their gates, and the task gates one level
    below, which feed nothing else. For the same reason the lower levels are run for all tasks, also where
    only some are asked. The place where a task leaves the shared part is all that these private parts read.

    Args:
        names: The names of all tasks.
        build_experts: For each level, what makes one of its experts: first from inputs, then from the
            outputs of the level below, to ``[batch, ...]``; 2 levels or more.
        gates: For each level, the number of features that its gates read, or what builds a gate's network;
            see `BuildGate`.
        n_shared: Number of shared experts of a level; 1 or more.
        n_private: Number of experts of each task in a level; 1 or more.

    Raises:
        InputError: There are fewer than 2 levels, ``gates`` has another number of them, or a number of
            experts or features is not positive.

    When to use:
        As `CGC` in several levels, for much data and tasks that hurt each other. The most
        parameters here.

    References:
        Hongyan Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model
        for Personalized Recommendations", RecSys 2020, doi:10.1145/3383313.3412236. Deviations: the experts'
        form is free, all tasks and levels have equally many, and one expert of each kind is our default.

    Example:
        >>> sharing = PLE(["a", "b"], [lambda: nn.Linear(3, 8), lambda: nn.Linear(8, 8)], gates=[3, 8])
        >>> sharing(torch.zeros(5, 3), ["b"]).by_task["b"].shape
        torch.Size([5, 8])
    """

    def __init__(
        self,
        names: Sequence[str],
        build_experts: Sequence[Callable[[], nn.Module]],
        *,
        gates: Sequence[BuildGate],
        n_shared: int = 1,
        n_private: int = 1,
    ) -> None:
        super().__init__()
        if len(build_experts) < 2 or len(build_experts) != len(gates):
            raise InputError(
                f"`build_experts` and `gates` need one entry for each of 2 or more levels; got "
                f"{len(build_experts)} and {len(gates)}. For one level use `CGC`."
            )
        self.names = tuple(names)
        n_weighed = n_private + n_shared
        self.lower = nn.ModuleList(
            [
                _LowerLevel(build, gate, n_tasks=len(self.names), n_shared=n_shared, n_private=n_private)
                for build, gate in zip(build_experts[:-1], gates[:-1], strict=True)
            ]
        )
        self.task_gates = nn.ModuleList(  # other tasks see their answers, through the shared gate above
            [_TaskGates(gate, n_tasks=len(self.names), n_weighed=n_weighed) for gate in gates[:-2]]
        )
        self.gates_below = PerTask({name: SoftmaxGate(gates[-2], n_weighed) for name in names})
        self.shared_experts = Experts(build_experts[-1], n_shared)
        self.private_experts = PerTask({name: Experts(build_experts[-1], n_private) for name in names})
        self.gates = PerTask({name: SoftmaxGate(gates[-1], n_weighed) for name in names})

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        if not names:
            return Representation(by_task={})
        streams: list[Inputs] = [inputs] * len(self.names)  # of the tasks
        common = inputs
        for level, gates in zip(self.lower[:-1], self.task_gates, strict=True):
            own, shared, common = level(streams, common)
            streams = gates(own, shared, streams)
        own, shared, common = self.lower[-1](streams, common)
        asked = [self.names.index(name) for name in names]
        read = [shared, self.shared_experts(common), *(own[task] for task in asked)]
        if len(self.lower) > 1:  # else the gates read the inputs themselves, which nothing shared has touched
            read += [stream for task in asked if isinstance(stream := streams[task], Tensor)]
        taps, parts = tap_together(read, names)
        by_task = {}
        for name, (shared, above, *rest) in parts.items():
            mine = rest[names.index(name) :: len(names)]  # its experts' outputs, perhaps its stream
            stream = _choose(mine[0], shared, self.gates_below[name], mine[1] if mine[1:] else inputs)
            by_task[name] = _choose(self.private_experts[name](stream), above, self.gates[name], stream)
        return Representation(by_task=by_task, taps=taps)


class _LowerLevel(nn.Module):
    """The experts of a level that is not the last, and its shared gate."""

    def __init__(
        self, build: Callable[[], nn.Module], gate: BuildGate, *, n_tasks: int, n_shared: int, n_private: int
    ) -> None:
        super().__init__()
        self.task_experts = nn.ModuleList([Experts(build, n_private) for _ in range(n_tasks)])
        self.shared_experts = Experts(build, n_shared)
        self.shared_gate = SoftmaxGate(gate, n_tasks * n_private + n_shared)

    def forward(self, streams: Sequence[Inputs], common: Inputs) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return what each task's experts say, what the shared ones say, and the shared stream above."""
        own = [experts(stream) for experts, stream in zip(self.task_experts, streams, strict=True)]
        shared = self.shared_experts(common)  # [batch, expert, ...]
        return own, shared, mix(torch.cat([*own, shared], dim=1), self.shared_gate(common))


class _TaskGates(nn.Module):
    """The gates of all tasks in a level where none of them is private."""

    def __init__(self, gate: BuildGate, *, n_tasks: int, n_weighed: int) -> None:
        super().__init__()
        self.gates = nn.ModuleList([SoftmaxGate(gate, n_weighed) for _ in range(n_tasks)])

    def forward(self, own: Sequence[Tensor], shared: Tensor, streams: Sequence[Inputs]) -> list[Tensor]:
        """Return the streams of all tasks above the level, ``[batch, ...]`` each."""
        return [
            _choose(each, shared, gate, stream)
            for each, gate, stream in zip(own, self.gates, streams, strict=True)
        ]


def _choose(own: Tensor, shared: Tensor, gate: nn.Module, stream: Inputs) -> Tensor:
    """Mix a task's experts and shared ones, ``[batch, expert, ...]`` each, by a gate that reads a stream."""
    return mix(torch.cat([own, shared], dim=1), gate(stream))
