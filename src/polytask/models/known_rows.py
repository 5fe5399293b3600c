"""The known rows of tasks, which a network reads when it answers other rows of them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from polytask.core import InputError, generator
from polytask.models.row_marks import row_marks

__all__ = ["MOST_ROWS", "KnownRows"]

MOST_ROWS = 256
"""Of one task, of which the network reads no more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownRows:
    """Labelled rows of some tasks.

    Args:
        inputs: Encoded rows, float32 ``[row, feature]``.
        labels: Standardized numbers, or the index of a class, float32 ``[row, target]``.
        task: The number of each row's task, int64 ``[row]``.

    Raises:
        InputError: Sizes or types do not fit.
    """

    inputs: Tensor
    labels: Tensor
    task: Tensor

    def __post_init__(self) -> None:
        if not self.inputs.ndim == 2 or not len(self.inputs) == len(self.labels) == len(self.task):
            raise InputError("the known rows have sizes that do not fit")
        if self.task.dtype != torch.int64 or self.labels.ndim != 2 or self.task.ndim != 1:
            raise InputError("the known rows have types or shapes that do not fit")

    @classmethod
    def none(cls, n_features: int, n_targets: int = 1) -> "KnownRows":
        """Return no row."""
        return cls(
            inputs=torch.zeros(0, n_features),
            labels=torch.zeros(0, n_targets),
            task=torch.zeros(0, dtype=torch.int64),
        )

    def __len__(self) -> int:
        return len(self.task)

    def marks(self) -> Tensor:
        """Return what tells equal rows, see `polytask.models.row_marks`: int64 ``[row]``."""
        inputs = torch.cat([self.inputs, self.labels[:, 1:]], dim=1)
        return row_marks(inputs, self.labels[:, 0], self.task)

    def counts(self, n_tasks: int) -> Tensor:
        """Return the rows of each task, int64 ``[task]``."""
        return self.task.bincount(minlength=n_tasks)

    def only(self, rows: Tensor) -> "KnownRows":
        """Return some of the rows: their numbers, or a mask."""
        return KnownRows(inputs=self.inputs[rows], labels=self.labels[rows], task=self.task[rows])

    def more(self, other: "KnownRows") -> "KnownRows":
        """Return these rows and others, behind them."""
        return KnownRows(
            inputs=torch.cat([self.inputs, other.inputs]),
            labels=torch.cat([self.labels, other.labels]),
            task=torch.cat([self.task, other.task]),
        )

    def limited(self, *, of_classes: bool) -> tuple["KnownRows", int]:
        """Return these rows, of larger tasks 256 that are drawn, and how many tasks that are.

        Args:
            of_classes: Whether labels are classes; a row of each is among those that are drawn, as a class
                without any would have probability 0.
        """
        kept, n_shortened = [], 0
        for number, rows in self.by_task().items():
            if len(rows) > MOST_ROWS:
                n_shortened += 1
                draw = torch.randperm(len(rows), generator=generator(0, "rows of a task", number))
                if of_classes:
                    draw = _one_of_each_first(draw, self.labels[rows[draw], 0])
                rows = rows[draw[:MOST_ROWS].sort().values]
            kept.append(rows)
        if not n_shortened:
            return self, 0
        return self.only(torch.cat(kept)), n_shortened

    def by_task(self) -> dict[int, Tensor]:
        """Return the numbers of the rows of each task that has some."""
        order = self.task.argsort(stable=True)
        tasks, counts = self.task[order].unique_consecutive(return_counts=True)
        return dict(zip(tasks.tolist(), order.split(counts.tolist()), strict=True))


def _one_of_each_first(draw: Tensor, labels: Tensor) -> Tensor:
    """Put the first row of each class before the others, each in the order of the draw."""
    _, number = labels.unique(return_inverse=True)
    order = number.argsort(stable=True)
    starts = torch.ones(len(draw), dtype=torch.bool)
    starts[1:] = number[order].diff() != 0
    first = torch.zeros(len(draw), dtype=torch.bool)
    first[order[starts]] = True
    return torch.cat([draw[first], draw[~first]])
