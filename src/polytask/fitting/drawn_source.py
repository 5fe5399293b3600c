"""Joint steps whose rows are drawn by the tasks of a task column, for networks that are trained alone."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.core import Batch, Task
from polytask.data.steps.joint import JointSource
from polytask.fitting.task_draws import DrawnRows, TaskDraws

__all__ = ["DrawnSource"]


class DrawnSource(JointSource):
    """Ask all targets of batches in which each task of a task column has its share of the rows.

    It has as many steps an epoch as a `JointSource` of these rows, and as many rows a step. Laws that follow
    from losses are for networks that are trained at once: here no network is told how tasks are answered that
    it is trained on.

    Args:
        tasks: The targets.
        data: The rows; each target needs a label.
        draws: By which law the tasks of these rows are drawn.
        batch_size: Rows a step.
        seed: Decides the draws.

    Raises:
        InputError: ``batch_size`` is no whole number of 1 or more.
        DataError: There is no row, or a target has no label.

    Example:
        >>> data = Batch(inputs=torch.arange(4.0)[:, None], targets={"y": torch.arange(4.0)})
        >>> draws = TaskDraws(law="round-robin", task=torch.tensor([0, 0, 0, 1]), numbers=torch.arange(2))
        >>> source = DrawnSource([Task(name="y", kind="regression")], data, draws, batch_size=2, seed=0)
        >>> source.n_steps, source.drawn(2).tolist()
        (2, [2, 2])
    """

    def __init__(
        self, tasks: Sequence[Task], data: Batch, draws: TaskDraws, *, batch_size: int, seed: int
    ) -> None:
        super().__init__(tasks, data, batch_size=batch_size, seed=seed)
        self.draws = draws

    def drawn(self, n_steps: int) -> Tensor:
        """Return how often each task was drawn in so many steps, int64 ``[task]``."""
        epochs, steps = divmod(n_steps, self.n_steps)
        rows = [self._rows(epoch) for epoch in range(epochs)]
        rows.append(self._rows(epochs)[: steps * self.batch_size])
        return torch.bincount(self.draws.task[torch.cat(rows)], minlength=self.draws.n_tasks)

    def _rows(self, epoch: int) -> Tensor:
        """Draw the rows of an epoch, long ``[drawn row]``."""
        n_rows = len(self.data)
        found = DrawnRows(self.draws, [torch.arange(n_rows)], n_drawn=n_rows, seed=self.seed)
        return found.epoch(epoch, [])[0]
