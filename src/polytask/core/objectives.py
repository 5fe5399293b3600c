"""The vector of objectives that one step must reduce."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from polytask.core.batch import Batch, Episode
from polytask.core.errors import InputError
from polytask.core.task import Task

__all__ = ["Objectives", "query_objectives"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """One value per objective, differentiable in the learner's parameters.

    Args:
        values: ``[objective]``; only objectives that have a label in this step.
        names: The objective's name for each value.
        penalty: A scalar added to the total as it is, never balanced; for example the distance that soft
            sharing keeps small.
        absent: Tasks that were asked but had no label in this step.
        counts: Labelled values behind each objective; parts of a step, on other processes or accumulated, are
            averaged by them. None where each value is an objective of its own, as an episode's is.
        taps: For each encoding of inputs, where the tasks leave the shared part, by name; see `tap`. Empty
            where the learner has no such place.
    """

    values: Tensor
    names: tuple[str, ...]
    penalty: Tensor | None = None
    absent: tuple[str, ...] = ()
    counts: tuple[int, ...] | None = None
    taps: tuple[Mapping[str, Tensor], ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or self.values.shape[0] != len(self.names):
            raise InputError(
                f"`values` must be one number per name, but has shape {tuple(self.values.shape)} for "
                f"{len(self.names)} names."
            )

    def __len__(self) -> int:
        return len(self.names)

    def total(self) -> Tensor:
        """Return the plain sum of the objectives and the penalty, a scalar."""
        return self.values.sum() if self.penalty is None else self.values.sum() + self.penalty

    def by_name(self) -> dict[str, float]:
        """Return the detached values by name."""
        return dict(zip(self.names, self.values.detach().tolist(), strict=True))


def query_objectives(
    tasks: Sequence[Task], predictions: Mapping[str, Tensor], query: Batch
) -> dict[str, Tensor]:
    """Return the objective of every task that the query has targets of, a scalar by name."""
    return {
        task.name: task.objective(
            predictions[task.name], query.targets[task.name], query.masks.get(task.name)
        )
        for task in tasks
        if task.name in query.targets
    }


def pool(episodes: Sequence[Episode], objectives: Sequence[Mapping[str, Tensor]]) -> Objectives:
    """Join the objectives of several episodes: one per task, averaged over its labels.

    Args:
        episodes: The episodes of a step.
        objectives: For each episode, scalars by task name; a task without label may be left out.
    """
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    asked: dict[str, None] = {}
    for episode, found in zip(episodes, objectives, strict=True):
        for task in episode.tasks:
            asked[task.name] = None
            n_values = episode.query.n_values(task.name)
            if n_values and task.name in found:
                weighted = found[task.name] * n_values
                sums[task.name] = sums[task.name] + weighted if task.name in sums else weighted
                counts[task.name] = counts.get(task.name, 0) + n_values
    names = tuple(name for name in asked if name in sums)
    return Objectives(
        values=torch.stack([sums[name] / counts[name] for name in names]) if names else torch.zeros(0),
        names=names,
        counts=tuple(counts[name] for name in names),
        absent=tuple(name for name in asked if name not in sums),
    )
