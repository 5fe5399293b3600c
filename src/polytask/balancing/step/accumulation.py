"""A step in parts, so that the graph of only one of them is held at a time."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import reduce

import torch
from torch import Tensor

from polytask.balancing.step.parts import Joined, Parts, told
from polytask.balancing.step.processes import Processes
from polytask.core import InputError, Learner, Objectives
from polytask.core.buffers import kept_buffers
from polytask.core.step_end import part_of_step

__all__ = ["Accumulation"]


class Accumulation(Parts):
    """The parts of a step; all are run once when this is made, to learn their losses and label counts.

    Each run of a part must give the same objectives, dropout included: seed the generator in the function.
    Buffers of the learner, such as running statistics, move only in the last run of each part. In a
    `torch.distributed` run every process makes one of as many parts.

    Args:
        learner: The learner.
        parts: Each computes the objectives of a part. The parts of a step are averaged by their label counts.
        processes: The processes that share the step.

    Raises:
        InputError: There is no part.
        TrainingError: No part has a label; or another process is gone.

    Example:
        >>> from polytask.balancing.step.two_phase import BalancedBackward
        >>> from polytask.balancing.methods.upgrad import UPGrad
        >>> from polytask.core import Batch, Episode, SharedModel, Task
        >>> from polytask.architectures import HardSharing
        >>> task = Task(name="y", kind="regression")
        >>> trunk, head = torch.nn.Linear(2, 4), torch.nn.Linear(4, 1)
        >>> model = SharedModel([task], HardSharing(trunk), heads={"y": head})
        >>> batch = Batch(inputs=torch.randn(6, 2), targets={"y": torch.ones(6)})
        >>> parts = [Episode(tasks=(task,), query=batch.rows(rows)) for rows in torch.arange(6).split(2)]
        >>> functions = [lambda part=part: model.objectives([part]) for part in parts]
        >>> BalancedBackward(model, UPGrad()).accumulated(Accumulation(model, functions)).weights
        {'y': 1.0}
    """

    def __init__(
        self,
        learner: Learner,
        parts: Sequence[Callable[[], Objectives]],
        *,
        processes: Processes | None = None,
    ) -> None:
        super().__init__(processes or Processes())
        if not parts:
            raise InputError("`parts` must have at least one part.")
        self._learner, self._parts = learner, list(parts)
        with torch.no_grad(), kept_buffers(learner):
            self._noted = [_detached(self._run(index)) for index in range(len(self))]
        gathered = self.processes.gather([told(each) for each in self._noted])
        everyone = [part for process in gathered for part in process]
        first = self.processes.rank * len(self)
        self._joined = [
            Joined(everyone, first + index, each.values.device) for index, each in enumerate(self._noted)
        ]

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def names(self) -> tuple[str, ...]:
        """See `Parts.names`."""
        return self._joined[0].names

    @property
    def noted(self) -> Sequence[Objectives]:
        """What each part's objectives are, without a graph."""
        return self._noted

    def shares(self) -> Tensor:
        """See `Parts.shares`."""
        return reduce(
            torch.add, [joined.share(each.values) for joined, each in zip(self._joined, self._noted)]
        )

    def run(self, *, last: bool) -> Iterator[tuple[Objectives, Joined]]:
        """See `Parts.run`."""
        with contextlib.nullcontext() if last else kept_buffers(self._learner):
            for index, joined in enumerate(self._joined):
                yield self._run(index), joined

    def _run(self, index: int) -> Objectives:
        with part_of_step(last=index == len(self) - 1):
            return self._parts[index]()


def _detached(objectives: Objectives) -> Objectives:
    return replace(objectives, values=objectives.values.detach(), penalty=None, taps=())
