"""Training steps for several tasks of one set of examples."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.core import Batch, DataError, Episode, Task, generator
from polytask.core.settings import SettingsCheck
from polytask.data.source import Source

__all__ = ["JointSource"]


class JointSource(Source):
    """Joint training: every step asks all tasks of the same batch of examples.

    An epoch goes through all examples in an order of its own. Its last batch may be short, but never a
    single example, which batch normalization cannot take: that one joins the batch before.

    Args:
        tasks: The tasks; each needs a target in ``data``.
        data: The examples; a missing label is a False in a mask.
        batch_size: Examples a step.
        seed: Decides the order.

    Raises:
        InputError: ``batch_size`` is no whole number of 1 or more.
        DataError: There is no example, or a task has no label.

    Example:
        >>> data = Batch(inputs=torch.arange(10.0)[:, None], targets={"y": torch.arange(10.0)})
        >>> source = JointSource([Task(name="y", kind="regression")], data, batch_size=3, seed=0)
        >>> source.n_steps, [len(source.step(index)[0].query) for index in range(3)]
        (3, [3, 3, 4])
    """

    def __init__(self, tasks: Sequence[Task], data: Batch, *, batch_size: int, seed: int) -> None:
        check = SettingsCheck()
        check.whole("batch_size", batch_size, least=1)
        check.done()
        if not len(data):
            raise DataError("There are no examples to train on.")
        without = [task.name for task in tasks if not data.n_labels(task.name)]
        if without:
            raise DataError(
                f"The training examples have no label of {', '.join(without)}; add some or drop the task."
            )
        self.tasks = tuple(tasks)
        self.data = data.only(task.name for task in tasks)
        self.batch_size = batch_size
        self.seed = seed
        n_full, n_left = divmod(len(data), batch_size)
        joins = n_left == 1 and n_full > 0
        self.n_steps = n_full + (n_left > 0 and not joins)
        """Steps an epoch."""
        self._last = (-1, torch.empty(0, dtype=torch.long))  # an epoch and its order

    def step(self, index: int) -> tuple[Episode, ...]:
        """Return one episode with all tasks; see `Source.step`."""
        epoch, step = divmod(index, self.n_steps)
        start = step * self.batch_size
        last = step == self.n_steps - 1
        rows = self._order_of(epoch)[start : None if last else start + self.batch_size]
        return (Episode(tasks=self.tasks, query=self.data.rows(rows)),)

    def _order_of(self, epoch: int) -> Tensor:
        """Return the rows of an epoch, long ``[row]``; kept until another epoch is asked for."""
        last = self._last  # once, as another thread may ask for another epoch
        if last[0] != epoch:
            last = self._last = (epoch, self._rows(epoch))
        return last[1]

    def _rows(self, epoch: int) -> Tensor:
        """Return the rows of an epoch in its order, as many as there are examples."""
        return torch.randperm(len(self.data), generator=generator(self.seed, "epoch", epoch))
