"""What the objectives of a step are made of: parts, of which a whole step has one and a process its own."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from polytask.balancing.step.processes import Processes
from polytask.core import Objectives, TrainingError

__all__ = ["Joined", "Parts", "Told", "Whole", "told"]

Told: TypeAlias = tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...] | None]
"""What a part says of its objectives: their names, those of tasks without label, and the label counts."""


def told(objectives: Objectives) -> Told:
    """Return what the other parts must know of this one."""
    return objectives.names, objectives.absent, objectives.counts


class Joined:
    """What the objectives of a part are to the whole step.

    Objectives of tasks are averaged over all labels of the step; objectives of episodes stand side by side,
    part after part.

    Args:
        parts: What each part of the step has told, on whatever process it is.
        index: Which of them this one is.
        device: Where its objectives are.

    Raises:
        TrainingError: The processes train different kinds of learners.
    """

    def __init__(self, parts: Sequence[Told], index: int, device: torch.device) -> None:
        names, _, counts = parts[index]
        if len({each is None for _, _, each in parts}) > 1:
            raise TrainingError("The processes train different kinds of learners; start them all alike.")
        if len(parts) == 1 or counts is not None:
            total: dict[str, int] = {}
            for present, absent, labels in parts:
                # The order of the whole batch: tasks as asked, be they absent here.
                for name in (*present, *absent):
                    total.setdefault(name, 0)
                for name, count in zip(present, labels or (1,) * len(present)):
                    total[name] += count
            self.names = tuple(name for name, count in total.items() if count)
            shares = [count / total[name] for name, count in zip(names, counts or (1,) * len(names))]
            first = {name: position for position, name in enumerate(self.names)}
            places = [first[name] for name in names]
        else:
            before = sum(len(present) for present, _, _ in parts[:index])
            self.names = tuple(f"{name}@{part}" for part, each in enumerate(parts) for name in each[0])
            shares = [1.0] * len(names)
            places = list(range(before, before + len(names)))
        self.scale = torch.tensor(shares, dtype=torch.float64, device=device)
        """What each of its objectives is multiplied with, ``[part]``."""
        self.places = torch.tensor(places, dtype=torch.long, device=device)
        """Where each of its objectives stands in the step, ``[part]``."""

    def __len__(self) -> int:
        return len(self.names)

    def spread(self, rows: Tensor) -> Tensor:
        """Put this part's rows ``[part, ...]`` at their places in ``[objective, ...]``."""
        if len(rows) == len(self):
            return rows
        whole = rows.new_zeros(len(self), *rows.shape[1:])
        whole[self.places] = rows
        return whole

    def share(self, values: Tensor) -> Tensor:
        """Return what this part's values ``[part]`` bring to the losses of the step, ``[objective]``."""
        values = values.detach()
        return self.spread(values * self.scale.to(values))


class Parts(ABC):
    """The objectives of a step, part by part.

    Args:
        processes: Those that share the step.
    """

    held: bool = False
    """Whether the graph of the step is at hand, so that it costs no forward pass to look at it again."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes

    @abstractmethod
    def __len__(self) -> int:
        """Return how many parts this process has."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The objectives of the whole step."""

    @property
    @abstractmethod
    def noted(self) -> Sequence[Objectives]:
        """What each part's objectives are; a graph need not be there."""

    @abstractmethod
    def shares(self) -> Tensor:
        """Return this process's share in the losses of the whole step, ``[objective]``."""

    @abstractmethod
    def run(self, *, last: bool) -> Iterator[tuple[Objectives, Joined]]:
        """Yield each part's objectives with a graph, and what they are to the whole step.

        Args:
            last: Whether this is the last run of the step.
        """

    def losses(self) -> Tensor:
        """Return the losses of the whole step over all processes, ``[objective]``."""
        return self.processes.sum(self.shares())


class Whole(Parts):
    """A step, or all of it that this process has, in one part whose graph is at hand.

    Args:
        objectives: Its objectives.
        processes: Those that share the step.

    Raises:
        TrainingError: The processes train different kinds of learners, or another one is gone.

    Example:
        >>> step = Whole(Objectives(values=torch.tensor([1.0, 2.0]), names=("a", "b")), Processes())
        >>> step.names, step.losses()
        (('a', 'b'), tensor([1., 2.]))
    """

    held = True

    def __init__(self, objectives: Objectives, processes: Processes) -> None:
        super().__init__(processes)
        self._objectives = objectives
        parts = processes.gather(told(objectives))
        self._joined = Joined(parts, processes.rank, objectives.values.device)

    def __len__(self) -> int:
        return 1

    @property
    def names(self) -> tuple[str, ...]:
        """See `Parts.names`."""
        return self._joined.names

    @property
    def noted(self) -> Sequence[Objectives]:
        """See `Parts.noted`."""
        return [self._objectives]

    def shares(self) -> Tensor:
        """See `Parts.shares`."""
        return self._joined.share(self._objectives.values)

    def run(self, *, last: bool) -> Iterator[tuple[Objectives, Joined]]:
        """See `Parts.run`."""
        yield self._objectives, self._joined
