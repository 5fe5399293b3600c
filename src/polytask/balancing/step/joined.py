"""The objectives of a step that several processes share."""

import torch
from torch import Tensor

from polytask.balancing.engines.engine import spread
from polytask.balancing.step.processes import Processes
from polytask.core import Objectives, TrainingError

__all__ = ["Joined"]


class Joined:
    """What the objectives of this process are to the whole step.

    Objectives of tasks are averaged over all labels of the step; objectives of episodes stand side by
    side, by process.

    Args:
        objectives: Those of this process.
        processes: Those that share the step.

    Raises:
        TrainingError: No process has a label, or they train different kinds of learners.
    """

    def __init__(self, objectives: Objectives, processes: Processes) -> None:
        self._processes = processes
        own = (objectives.names, objectives.absent, objectives.counts)
        parts = processes.gather(own)
        if len({counts is None for _, _, counts in parts}) > 1:
            raise TrainingError("The processes train different kinds of learners; start them all alike.")
        if processes.alone or objectives.counts is not None:
            total: dict[str, int] = {}
            for names, absent, counts in parts:
                # The order of the whole batch: tasks as asked, be they absent here.
                for name in (*names, *absent):
                    total.setdefault(name, 0)
                for name, count in zip(names, counts or (1,) * len(names)):
                    total[name] += count
            self.names = tuple(name for name, count in total.items() if count)
            shares = [
                count / total[name]
                for name, count in zip(objectives.names, objectives.counts or (1,) * len(objectives))
            ]
            first = {name: position for position, name in enumerate(self.names)}
            places = [first[name] for name in objectives.names]
        else:
            before = sum(len(names) for names, _, _ in parts[: processes.rank])
            self.names = tuple(f"{name}@{rank}" for rank, part in enumerate(parts) for name in part[0])
            shares = [1.0] * len(objectives)
            places = list(range(before, before + len(objectives)))
        self.scale = torch.tensor(shares, dtype=torch.float64, device=objectives.values.device)
        self.places = torch.tensor(places, dtype=torch.long, device=objectives.values.device)

    def __len__(self) -> int:
        return len(self.names)

    def spread(self, rows: Tensor) -> Tensor:
        """Put this process's rows ``[part, column]`` at their places in ``[objective, column]``."""
        return spread(rows, self.places, len(self))

    def losses(self, scaled: Tensor) -> Tensor:
        """Return the losses of the whole step ``[objective]`` from this process's shares of them."""
        return self._processes.sum(self.spread(scaled.detach()[:, None]))[:, 0]
