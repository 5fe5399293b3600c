"""The names of tasks, and which row belongs to which."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.data.tables.cell import canonical
from polytask.data.tables.column import column_distinct

__all__ = ["TaskNames"]


class TaskNames:
    """The known tasks by name, numbered in the order in which they came.

    A number that a table stores in another way, ``1.0`` for ``1``, is the same task.

    Example:
        >>> names = TaskNames(["1", "b"])
        >>> names.codes(pd.Series(["b", "1.0", "c", None])).tolist()
        [1, 0, -1, -1]
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._index = {canonical(name): index for index, name in enumerate(self.names)}
        self._index |= {name: index for index, name in enumerate(self.names)}

    def codes(self, column: pd.Series) -> Tensor:
        """Return the number of the task of each row, long ``[row]``; -1 where it is empty or not known."""
        codes, _, texts = column_distinct(column)
        numbers = np.array([self._find(text) for text in texts] + [-1], dtype=np.int64)
        return torch.from_numpy(numbers[codes])

    def with_new(self, column: pd.Series) -> "TaskNames":
        """Add the tasks of a column that are not known."""
        _, _, texts = column_distinct(column)
        new = [text for text in texts if self._find(text) < 0]
        found = TaskNames(new)  # so that what is new is looked at alone, however many are known
        found.names = (*self.names, *new)
        found._index = {name: index + len(self.names) for name, index in found._index.items()} | self._index
        return found

    def _find(self, text: str) -> int:
        return self._index.get(text, self._index.get(canonical(text), -1))
