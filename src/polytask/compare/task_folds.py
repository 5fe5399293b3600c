"""Folds of a table with a task column: new rows of known tasks, or new tasks of which some rows are known.

A fold's training part holds what is known. Of new tasks that is all rows of the other tasks, and some of
their own; candidates are fitted on both, and judged by the rest of the new tasks' rows.
"""

from collections.abc import Sequence

import numpy as np
import torch

from polytask.core.random import derive_seed, numpy_generator
from polytask.data.tables.folds import Fold
from polytask.fitting.task_data import first_rows

__all__ = ["folds_of_new_rows", "folds_of_new_tasks"]


def folds_of_new_rows(task: np.ndarray, *, n_folds: int, seed: int) -> tuple[Fold, ...]:
    """Deal the rows of every task into folds; a task's only row is in no held-out part.

    Args:
        task: A number for the task of each row, int ``[row]``.
        n_folds: How many.
        seed: Decides which.

    Example:
        >>> folds = folds_of_new_rows(np.array([0, 0, 0, 1, 1, 2]), n_folds=2, seed=0)
        >>> sorted(np.concatenate([fold.held_out for fold in folds]).tolist())
        [0, 1, 2, 3, 4]
    """
    draw = numpy_generator(seed, "rows of tasks")
    order = np.lexsort((draw.random(len(task)), task))
    names, starts, counts = np.unique(task[order], return_index=True, return_counts=True)
    offset = draw.integers(0, n_folds, len(names))  # so that folds have as many rows
    rank = np.arange(len(task)) - np.repeat(starts, counts) + np.repeat(offset, counts)
    fold = np.empty(len(task), dtype=np.int64)
    fold[order] = np.where(np.repeat(counts, counts) > 1, rank % n_folds, -1)
    rows = np.arange(len(task))
    dealt = [Fold(train=rows[fold != index], held_out=rows[fold == index]) for index in range(n_folds)]
    return tuple(one for one in dealt if len(one.held_out))


def folds_of_new_tasks(
    task: np.ndarray, folds: Sequence[Fold], n_known: int, *, seed: int
) -> tuple[Fold, ...]:
    """Let some rows of each held-out task be known; tasks with fewer rows than that and one judge nothing.

    Args:
        task: A number for the task of each row, int ``[row]``.
        folds: Folds that keep tasks whole.
        n_known: How many rows of each held-out task are known.
        seed: Decides which; more rows hold the fewer.

    Example:
        >>> whole = Fold(train=np.array([0, 1]), held_out=np.array([2, 3, 4]))
        >>> (fold,) = folds_of_new_tasks(np.array([0, 0, 1, 1, 1]), [whole], 1, seed=0)
        >>> len(fold.train), len(fold.held_out)
        (3, 2)
    """
    code = torch.from_numpy(np.unique(task, return_inverse=True)[1].reshape(-1))
    known, judged = (one.numpy() for one in first_rows(code, n_known, seed=derive_seed(seed, "known rows")))
    found = []
    for fold in folds:
        held_out = fold.held_out[judged[fold.held_out]]
        if len(held_out):
            told = fold.held_out[known[fold.held_out]]
            found.append(Fold(train=np.sort(np.concatenate([fold.train, told])), held_out=held_out))
    return tuple(found)
