"""Deal the labelled rows of a table into folds."""

from collections.abc import Iterable, Sequence
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

from polytask.core import Batch, DataError, derive_seed
from polytask.core.names import counted
from polytask.data.tables.folds import (
    Fold,
    folds_by_column,
    folds_by_splitter,
    folds_in_time,
    folds_of_groups,
    folds_of_rows,
)
from polytask.data.tables.label_split import Labels
from polytask.data.tables.splits import row_groups, row_order_values
from polytask.data.tables.target_column import TargetColumn

__all__ = ["FOLDS_OF_MANY", "MANY_ROWS", "deal_folds", "fold_labels", "usual_folds"]

MANY_ROWS = 20_000
"""Labelled rows above which folds and bins are fewer, unless asked otherwise."""

FOLDS_OF_MANY = 3
"""Of more rows than that."""

_FOLDS = 5
_BINS = 4  # parts of a target's range that folds get equal shares of
_FEWEST_BINNED = 20  # labels below which ranges are no guide


def deal_folds(
    frame: pd.DataFrame,
    indices: np.ndarray,
    rows: Batch,
    targets: Sequence[TargetColumn],
    *,
    group: str | None,
    time: str | None,
    column: str | None = None,
    folds: Any,
    repeats: int,
    seed: int,
) -> tuple[tuple[Fold, ...], ...]:
    """Deal the labelled rows, once for each repeat; by a column, by groups, in time, or evenly by labels.

    Args:
        frame: The table.
        indices: The indices of the labelled rows in it, int64 ``[row]``.
        rows: The labelled rows, encoded.
        targets: The targets.
        group: The column of groups.
        time: The column of times.
        column: The column whose values are the folds.
        folds: How many, or what `folds_by_splitter` takes; None for 5, or for 3 of many rows.
        repeats: How often.
        seed: Decides the folds.

    Returns:
        For each repeat its folds, of indices among the labelled rows.
    """
    if folds is None:
        folds = usual_folds(len(indices))
    labels = [fold_labels(target, rows) for target in targets]
    groups = None if group is None else frame[group].iloc[indices]
    times = None if time is None else frame[time].iloc[indices]
    if column is not None:
        by_column = folds_by_column(frame[column].iloc[indices])
        _check_apart(by_column, groups, times)
        return (by_column,) * repeats
    if not isinstance(folds, Number):
        if isinstance(folds, Iterable) and not isinstance(folds, str | bytes) and not hasattr(folds, "split"):
            folds = list(folds)  # a generator gives its pairs once, but every repeat takes them
        dealt = [_split(frame, indices, labels[0], group, folds) for _ in range(repeats)]
        for one in dealt:
            _check_apart(one, groups, times)
        return tuple(dealt)
    n_folds = int(folds)  # pyright: ignore[reportArgumentType] - known to be whole
    seeds = [derive_seed(seed, "folds", repeat) for repeat in range(repeats)]
    if groups is not None:
        return tuple(folds_of_groups(groups, n_folds=n_folds, seed=one, labels=labels) for one in seeds)
    if times is not None:
        return (folds_in_time(times, n_folds=n_folds),) * repeats
    return tuple(folds_of_rows(len(indices), n_folds=n_folds, seed=one, labels=labels) for one in seeds)


def usual_folds(n_rows: int) -> int:
    """Return how many folds labelled rows are dealt into where nothing else is said.

    Example:
        >>> usual_folds(500), usual_folds(500_000)
        (5, 3)
    """
    return _FOLDS if n_rows <= MANY_ROWS else FOLDS_OF_MANY


def _split(
    frame: pd.DataFrame, indices: np.ndarray, labels: Labels, group: str | None, folds: Any
) -> tuple[Fold, ...]:
    """Ask a splitter for the folds of all rows, and keep those with a label."""
    codes = np.full(len(frame), -1)
    codes[indices] = labels.codes
    groups = None if group is None else row_groups(frame[group])[0]
    return _among(folds_by_splitter(folds, len(frame), labels=codes, groups=groups), indices, len(frame))


def _among(folds: Sequence[Fold], indices: np.ndarray, n_rows: int) -> tuple[Fold, ...]:
    """Turn indices in the table into indices among the labelled rows."""
    place = np.full(n_rows, -1)
    place[indices] = np.arange(len(indices))
    found = []
    for index, fold in enumerate(folds):
        train, held_out = (place[part][place[part] >= 0] for part in (fold.train, fold.held_out))
        if not len(train) or not len(held_out):
            raise DataError(
                f"Pair {index} of `folds` has {counted(len(train), 'labelled row')} to train on and "
                f"{len(held_out)} held out; give it one of each at least."
            )
        found.append(Fold(train=train, held_out=held_out))
    return tuple(found)


def _check_apart(folds: Sequence[Fold], groups: pd.Series | None, times: pd.Series | None) -> None:
    """Refuse folds that cut a group, or that train on later rows than they are judged by."""
    if groups is not None:
        codes, _ = row_groups(groups)
        for index, fold in enumerate(folds):
            shared = np.intersect1d(codes[fold.train], codes[fold.held_out])
            if len(shared):
                raise DataError(
                    f"Fold {index} trains on rows of {counted(len(shared), 'group')} of {groups.name!r} that "
                    "it also holds out. Use folds that keep groups, as scikit-learn's GroupKFold does, or "
                    "leave out `group`."
                )
    if times is not None:
        order = row_order_values(times)
        for index, fold in enumerate(folds):
            if order[fold.train].max() >= order[fold.held_out].min():
                raise DataError(
                    f"Pair {index} of `folds` trains on rows that are no earlier in {times.name!r} than "
                    "those that it holds out. Use a splitter that goes forward in time, or leave out "
                    "`time_column`."
                )


def fold_labels(target: TargetColumn, rows: Batch) -> Labels:
    """Number the labels of a target as folds get equal shares of them: classes, or parts of its range."""
    values, known = rows.targets[target.task.name].numpy(), rows.masks[target.task.name].numpy()
    codes = np.where(known, 0, -1)
    if target.classes:
        codes = np.where(known, values.astype(np.int64), -1)
    elif known.sum() >= _FEWEST_BINNED:
        edges = np.quantile(values[known], np.linspace(0, 1, _BINS + 1)[1:-1])
        codes = np.where(known, np.searchsorted(edges, values), -1)
    return Labels(codes=codes)
