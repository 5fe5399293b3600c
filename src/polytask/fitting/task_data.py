"""Rows of a target by task, as the pooled model sees them; some as the first rows of new tasks."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polytask.core import Task
from polytask.core.random import numpy_generator

__all__ = ["MOST", "TaskData", "first_rows", "usual_scale"]

MOST = -1
"""Stands for four fifths of a task's rows."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskData:
    """Labelled rows of one target.

    Args:
        target: The target.
        inputs: Encoded rows ``[row, feature]``.
        outputs: What a pooled model that did not see the row's task predicts, float64 ``[row, output]``.
        labels: Standardized numbers, float64, or class indices, long ``[row]``.
        task: Long ``[row]``, from 0 on, each task with a row.
    """

    target: Task
    inputs: Tensor
    outputs: Tensor
    labels: Tensor
    task: Tensor

    @property
    def n_tasks(self) -> int:
        """How many tasks there are."""
        return int(self.task.max()) + 1 if len(self.task) else 0

    def rows(self, chosen: Tensor) -> "TaskData":
        """Return some rows, with their tasks numbered anew."""
        return TaskData(
            target=self.target,
            inputs=self.inputs[chosen],
            outputs=self.outputs[chosen],
            labels=self.labels[chosen],
            task=torch.unique(self.task[chosen], return_inverse=True)[1],
        )

    def losses(self, outputs: Tensor) -> Tensor:
        """Return the loss of each row, float64 ``[row]``: squared errors, or negative log-probabilities."""
        if self.target.kind == "regression":
            return (outputs[:, 0] - self.labels).square()
        if self.target.kind == "binary":
            signs = 2.0 * self.labels.double() - 1
            return torch.nn.functional.softplus(-signs * outputs[:, 0])
        return -outputs.log_softmax(-1).gather(1, self.labels.long()[:, None]).squeeze(1)

    def errors(self, outputs: Tensor, judged: Tensor) -> np.ndarray:
        """Return the error of each task over the judged rows, float64 ``[task]``, NaN without any.

        It is the root of the mean squared error, or the mean negative log-probability.
        """
        task = self.task[judged]
        total = torch.bincount(task, self.losses(outputs)[judged], minlength=self.n_tasks)
        mean = (total / torch.bincount(task, minlength=self.n_tasks)).numpy()
        return np.sqrt(mean) if self.target.kind == "regression" else mean


def first_rows(task: Tensor, n_rows: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Draw some rows of every task as all that is known of it.

    Args:
        task: Long ``[row]``.
        n_rows: How many of each; `MOST` for four fifths.
        seed: Decides which.

    Returns:
        Which rows are known, and which judge what is learned from them, bool ``[row]``. Tasks with fewer
        rows than that and one judge nothing.
    """
    order = np.lexsort((numpy_generator(seed, "first rows").random(len(task)), task.numpy()))
    counts = np.bincount(task.numpy())
    rank = np.empty(len(task), dtype=np.int64)
    rank[order] = np.arange(len(task)) - np.repeat(np.cumsum(counts) - counts, counts)
    of_row = counts[task.numpy()]
    wanted = np.minimum(of_row * 4 // 5, of_row - 1) if n_rows == MOST else np.full(len(task), n_rows)
    enough = (of_row > wanted) & ((wanted > 0) | (n_rows == 0))
    known = enough & (rank < wanted)
    return torch.from_numpy(known), torch.from_numpy(enough & (rank >= wanted))


def usual_scale(values: Tensor) -> Tensor:
    """Return the standard deviation of every column ``[row, column]``, 1 where it is next to nothing."""
    deviations = (values - values.mean(0)).square().mean(0).sqrt()
    return torch.where(deviations > 1e-9, deviations, 1.0)
