"""Which rows a model has learned from: a number of 64 bits stands for each, so that none counts twice.

A row is told by its task, its encoded features and its label; the row itself is not kept. Two rows that agree
in all three have the same mark, and are told apart by how often it was seen.
"""

import numpy as np
import torch
from torch import Tensor

__all__ = ["new_rows", "row_marks"]


def row_marks(inputs: Tensor, labels: Tensor, task: Tensor) -> Tensor:
    """Return the mark of each row, int64 ``[row]``.

    Args:
        inputs: Encoded rows, float32 ``[row, feature]``.
        labels: Numbers or class indices ``[row]``.
        task: The number of each row's task, long ``[row]``.

    Example:
        >>> inputs, labels, task = torch.tensor([[1.0], [1.0], [2.0]]), torch.ones(3), torch.zeros(3).long()
        >>> first, second, third = row_marks(inputs, labels, task).tolist()
        >>> first == second, first == third
        (True, False)
    """
    parts = [task.numpy().astype(np.int64).view(np.uint64), _bits(labels.double())]
    found = np.zeros(len(task), dtype=np.uint64)
    for part in parts:
        found = _mixed(found ^ part)
    for index in range(inputs.shape[1]):  # one after the other, so that few are held in 64 bits
        found = _mixed(found ^ _bits(inputs[:, index].double()))
    return torch.from_numpy(found.view(np.int64))


def new_rows(marks: Tensor, known: Tensor) -> Tensor:
    """Tell which rows are new, bool ``[row]``: of equal ones as many as there are beyond the known ones.

    Args:
        marks: int64 ``[row]``.
        known: Of the rows that were learned from, int64 ``[known row]``.

    Example:
        >>> new_rows(torch.tensor([5, 5, 5, 7]), torch.tensor([5, 5, 9])).tolist()
        [False, False, True, True]
    """
    order = np.argsort(marks.numpy(), kind="stable")
    ordered = marks.numpy()[order]
    if not len(ordered):
        return torch.zeros(0, dtype=torch.bool)
    values, starts, counts = np.unique(ordered, return_index=True, return_counts=True)
    places = np.searchsorted(values, known.numpy()).clip(max=len(values) - 1)
    before = np.bincount(places[values[places] == known.numpy()], minlength=len(values))
    rank = np.arange(len(ordered)) - np.repeat(starts, counts)
    fresh = np.empty(len(ordered), dtype=bool)
    fresh[order] = rank >= np.repeat(before, counts)
    return torch.from_numpy(fresh)


def _bits(values: Tensor) -> np.ndarray:
    return (values.numpy() + 0.0).view(np.uint64)  # -0 is 0


def _mixed(values: np.ndarray) -> np.ndarray:
    """Scatter every bit over all others.

    References:
        Guy Steele, Doug Lea, Christine Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014,
        figure 17.
    """
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
