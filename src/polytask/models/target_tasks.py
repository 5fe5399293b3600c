"""What a model knows of the tasks of one target: the prior, each task's posterior, and how far off it was."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from polytask.core import InputError, Task
from polytask.core.records import record_from_json
from polytask.models.row_marks import new_rows, row_marks
from polytask.models.task_effects import TaskPrior
from polytask.models.task_posterior import TaskRows, prior_state, spread, updated
from polytask.models.task_spread import TaskSpread
from polytask.models.tensor_parts import named_part, taken_part

__all__ = ["TargetTasks"]

# Of a task without rows, two estimates of the mean of all tasks are averaged: neither is clearly better.
_OF_UNKNOWN = 0.5
_AT_ONCE = 2**15  # rows, so that their directions take some 10 MB
_PRIOR, _SPREAD = "prior.", "spread."  # in the names of tensors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetTasks:
    """The tasks of one target.

    Args:
        target: The target.
        prior: Of a task of which nothing is known; None where tasks do not differ.
        mean: The posteriors, float64 ``[task, size]``.
        precision: float64 ``[task, size, size]``.
        counts: Labelled rows of each task, int64 ``[task]``.
        marks: Of the rows that were learned from, int64 ``[row]``; see `polytask.models.row_marks`.
        spread: How far off answers were, of numbers; None for classes, or where nothing was judged.

    Raises:
        InputError: Sizes do not fit.
    """

    target: Task
    prior: TaskPrior | None
    mean: Tensor
    precision: Tensor
    counts: Tensor
    marks: Tensor
    spread: TaskSpread | None = None

    def __post_init__(self) -> None:
        size = 0 if self.prior is None else self.prior.size
        n_tasks = len(self.counts)
        shapes = (tuple(self.mean.shape), tuple(self.precision.shape))
        if shapes != ((n_tasks, size), (n_tasks, size, size)) or self.counts.dtype != torch.int64:
            raise InputError(f"the tasks of {self.target.name!r} have another size than their prior")
        if self.marks.ndim != 1 or self.marks.dtype != torch.int64:
            raise InputError(f"the marks of the rows of {self.target.name!r} are no whole numbers")
        if self.prior is not None and self.prior.features.n_outputs != self.target.n_outputs:
            raise InputError(f"the prior of {self.target.name!r} has other outputs than the target")

    @classmethod
    def unknown(cls, target: Task, prior: TaskPrior | None, spread: TaskSpread | None = None) -> Self:
        """Return what is known before any task."""
        mean, precision = prior_state(0, 0 if prior is None else prior.size)
        none = torch.zeros(0, dtype=torch.int64)
        return cls(
            target=target,
            prior=prior,
            mean=mean,
            precision=precision,
            counts=none,
            marks=none,
            spread=spread,
        )

    def new(self, inputs: Tensor, labels: Tensor, task: Tensor) -> Tensor:
        """Tell from which rows nothing was learned yet, bool ``[row]``; arguments as for `learned`."""
        return new_rows(row_marks(inputs, labels, task), self.marks)

    def learned(
        self, inputs: Tensor, outputs: Tensor, labels: Tensor, task: Tensor, *, n_tasks: int
    ) -> "TargetTasks":
        """Learn from labelled rows; tasks without any stay as they are, bit for bit.

        Args:
            inputs: Encoded rows ``[row, feature]``.
            outputs: What the pooled model predicts for them ``[row, output]``.
            labels: Standardized numbers, or class indices ``[row]``.
            task: Long ``[row]``; numbers beyond the known tasks are new ones.
            n_tasks: How many tasks there are afterwards.
        """
        n_new = n_tasks - len(self.counts)
        size = self.mean.shape[1]
        fresh = prior_state(n_new, size)
        mean, precision = torch.cat([self.mean, fresh[0]]), torch.cat([self.precision, fresh[1]])
        counts = torch.cat([self.counts, torch.zeros(n_new, dtype=torch.int64)])
        counts = counts + torch.bincount(task, minlength=n_tasks)
        if self.prior is not None:
            outputs = outputs.double()
            features = self.prior.features(inputs, outputs)
            rows = TaskRows(
                directions=self.prior.directions(features),
                offset=outputs + self.prior.shift(features),
                labels=labels.double() if self.target.kind == "regression" else labels.long(),
                weights=1 / self.prior.variance(inputs, outputs),
                task=task,
            )
            mean, precision = updated(self.target.kind, rows, mean, precision)
        marks = torch.cat([self.marks, row_marks(inputs, labels, task)])
        return replace(self, mean=mean, precision=precision, counts=counts, marks=marks)

    def predictions(
        self, inputs: Tensor, outputs: Tensor, task: Tensor, *, deviation: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Answer rows by what is known of their tasks.

        Args:
            inputs: Encoded rows ``[row, feature]``.
            outputs: What the pooled model predicts ``[row, output]``.
            task: Long ``[row]``; -1 for a task that is not known.
            deviation: Whether the standard deviation is computed, which takes as long again.

        Returns:
            float64 ``[row, output]``, and the standard deviation of a number ``[row]``, before `TaskSpread`;
            1 where it is not computed, and for classes.
        """
        if self.prior is None:
            return outputs.double(), torch.ones(len(inputs), dtype=torch.float64)
        parts = [
            self._predictions(inputs[part], outputs[part].double(), task[part], deviation=deviation)
            for part in torch.arange(len(inputs)).split(_AT_ONCE)
        ]
        if not parts:
            return outputs.double(), torch.ones(0, dtype=torch.float64)
        found, deviations = zip(*parts, strict=True)
        return torch.cat(found), torch.cat(deviations)

    def _predictions(
        self, inputs: Tensor, outputs: Tensor, task: Tensor, *, deviation: bool
    ) -> tuple[Tensor, Tensor]:
        assert self.prior is not None  # noqa: S101 - its caller has looked
        features = self.prior.features(inputs, outputs)
        directions = self.prior.directions(features)
        told = self.n_rows(task) > 0
        task = torch.where(told, task, -1)
        share = torch.where(told, 1.0, _OF_UNKNOWN).double()[:, None]
        place = self.mean.new_zeros(len(task), self.mean.shape[1])
        place[told] = self.mean[task[told]]
        moved = (directions * place.view(len(task), -1, self.prior.rank)).sum(-1)
        answers = outputs + share * self.prior.shift(features) + moved
        if self.target.kind != "regression" or not deviation:
            return answers, torch.ones(len(task), dtype=torch.float64)
        variance = self.prior.variance(inputs, outputs) + spread(directions[:, 0], task, self.precision)
        return answers, variance.sqrt()

    def weights(self) -> Tensor:
        """Return what features are multiplied by, ``[task + 1, output, feature]``; last for unknown tasks.

        The sum over the features of a row, added to the pooled prediction, is the answer of `predictions`.
        """
        assert self.prior is not None  # noqa: S101 - its caller has looked
        told = self.counts > 0
        share = torch.cat([torch.where(told, 1.0, _OF_UNKNOWN), torch.tensor([_OF_UNKNOWN])]).double()
        mean = torch.cat(
            [torch.where(told[:, None], self.mean, 0.0), self.mean.new_zeros(1, self.mean.shape[1])]
        )
        place = mean.view(len(mean), -1, self.prior.rank)
        return share[:, None, None] * self.prior.mean + place @ self.prior.factor.T

    def n_rows(self, task: Tensor) -> Tensor:
        """Return how many rows were known of the task of each row, int64 ``[row]``."""
        if not len(self.counts):
            return torch.zeros_like(task)
        return torch.where(task >= 0, self.counts[task.clamp(min=0)], 0)

    def to_json(self) -> dict[str, Any]:
        """Return what is no tensor as plain JSON."""
        return {"prior": None if self.prior is None else self.prior.to_json()}

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors by name."""
        found = {"counts": self.counts, "marks": self.marks}
        if self.prior is not None:
            found |= named_part(_PRIOR, self.prior.tensors())
            found |= {"means": self.mean, "precisions": self.precision}
        if self.spread is not None:
            found |= named_part(_SPREAD, self.spread.tensors())
        return found

    @classmethod
    def read(cls, target: Task, data: Any, tensors: Mapping[str, Tensor]) -> Self:
        """Read what `to_json` and `tensors` gave.

        Raises:
            InputError: It is something else.
        """
        stored = record_from_json(_Stored, data, name=f"the tasks of {target.name!r}")
        named = ("counts", "marks", *(() if stored.prior is None else ("means", "precisions")))
        if lacking := [name for name in named if name not in tensors]:
            raise InputError(f"the tasks of {target.name!r} lack {', '.join(lacking)}")
        parts = taken_part(_PRIOR, tensors)
        prior = None if stored.prior is None else TaskPrior.read(stored.prior, parts)
        n_tasks = len(tensors["counts"])
        mean, precision = (
            prior_state(n_tasks, 0) if prior is None else (tensors["means"], tensors["precisions"])
        )
        distances = taken_part(_SPREAD, tensors)
        return cls(
            target=target,
            prior=prior,
            mean=mean,
            precision=precision,
            counts=tensors["counts"],
            marks=tensors["marks"],
            spread=TaskSpread(**distances) if distances else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    prior: dict | None
