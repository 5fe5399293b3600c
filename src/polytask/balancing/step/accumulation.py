"""A step in parts, so that the graph of only one of them is held at a time."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from polytask.balancing.step.joined import Joined
from polytask.balancing.step.processes import Processes
from polytask.core import InputError, Learner, Objectives, kept_buffers, part_of_step

__all__ = ["Accumulation"]


class Accumulation:
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
        if not parts:
            raise InputError("`parts` must have at least one part.")
        self._learner, self._parts = learner, list(parts)
        self._processes = processes or Processes()
        with torch.no_grad(), kept_buffers(learner):
            self.noted = [_detached(self._run(position)) for position in range(len(self))]
            """What each part's objectives are, without a graph."""
        own = [(each.names, each.absent, each.counts) for each in self.noted]
        self._gathered = [part for process in self._processes.gather(own) for part in process]

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def names(self) -> tuple[str, ...]:
        """The objectives of the whole step."""
        return self._joined(0).names

    def losses(self) -> Tensor:
        """Return this process's share in the losses of the whole step, ``[objective]``."""
        shares = []
        for position, noted in enumerate(self.noted):
            joined = self._joined(position)
            scaled = noted.values * joined.scale.to(noted.values)
            shares.append(joined.spread(scaled[:, None])[:, 0])
        return reduce(torch.add, shares)

    def parts(self, *, last: bool) -> Iterator[tuple[Objectives, Joined]]:
        """Yield each part's objectives with a graph, and what they are to the whole step.

        Args:
            last: Whether this is the last run of the step.
        """
        with contextlib.nullcontext() if last else kept_buffers(self._learner):
            for position in range(len(self)):
                yield self._run(position), self._joined(position)

    def _run(self, position: int) -> Objectives:
        with part_of_step(last=position == len(self) - 1):
            return self._parts[position]()

    def _joined(self, position: int) -> Joined:
        rank = self._processes.rank * len(self) + position
        return Joined(self.noted[position], _Dealt(self._gathered, rank))


class _Dealt(Processes):
    """Stands for as many processes as there are parts, whose words are all known."""

    def __init__(self, said: list[Any], rank: int) -> None:
        self.size, self.rank = len(said), rank
        self._said = said

    def gather(self, value: Any) -> list[Any]:
        return self._said


def _detached(objectives: Objectives) -> Objectives:
    return replace(objectives, values=objectives.values.detach(), penalty=None, taps=())
