"""Cross-validation folds: every row is judged once by a model that was not trained on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from polytask.core import DataError, InputError
from polytask.core.names import counted
from polytask.core.random import numpy_generator
from polytask.data.tables.column import column_categories
from polytask.data.tables.label_split import Labels
from polytask.data.tables.splits import row_groups, row_order_values

__all__ = [
    "BALANCED_BY_CHANCE",
    "Fold",
    "check_fold_values",
    "check_groups",
    "deal_units",
    "folds_by_column",
    "folds_by_splitter",
    "folds_in_time",
    "folds_of_groups",
    "folds_of_rows",
    "time_blocks",
]

BALANCED_BY_CHANCE = 200
"""Units of a label in each fold, above which a random draw keeps its share."""

_MOST_FOLDS = 100  # of a column: more are names of rows, and would take as many networks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fold:
    """Rows of a table, as positions: those that a model is trained on, and those that judge it.

    Args:
        train: int64 ``[row]``.
        held_out: int64 ``[row]``; empty for a model that is trained on everything.
    """

    train: np.ndarray
    held_out: np.ndarray


def folds_of_rows(n_rows: int, *, n_folds: int, seed: int, labels: Sequence[Labels] = ()) -> tuple[Fold, ...]:
    """Deal rows into folds at random, such that every fold has its share of every class of every target.

    Args:
        n_rows: How many rows there are.
        n_folds: How many folds; no more than rows.
        seed: Decides the folds.
        labels: Of each target: its classes, and where it has labels at all, are dealt evenly (iterative
            stratification).

    Raises:
        DataError: There are fewer than two rows.

    References:
        Konstantinos Sechidis, Grigorios Tsoumakas, Ioannis Vlahavas, "On the Stratification of Multi-Label
        Data", ECML PKDD 2011.

    Example:
        >>> folds = folds_of_rows(10, n_folds=5, seed=0)
        >>> [len(fold.held_out) for fold in folds], len(folds[0].train)
        ([2, 2, 2, 2, 2], 8)
    """
    if n_rows < 2:
        raise DataError(
            f"There is {counted(n_rows, 'row')} with a label, but folds need two. Label more rows."
        )
    units = np.arange(n_rows)
    return _folds(deal_units(units, n_rows, min(n_folds, n_rows), labels, seed), min(n_folds, n_rows))


def folds_of_groups(
    groups: pd.Series, *, n_folds: int, seed: int, labels: Sequence[Labels] = ()
) -> tuple[Fold, ...]:
    """Deal groups into folds, never cutting one: a patient, a document, a site.

    Args:
        groups: The group of every row.
        n_folds: How many folds; no more than groups.
        seed: Decides the folds.
        labels: As for `folds_of_rows`.

    Raises:
        DataError: There are fewer than two groups, or a row has none.

    Example:
        >>> folds = folds_of_groups(pd.Series(["a", "a", "b", "c", "c"]), n_folds=3, seed=0)
        >>> sorted(len(fold.held_out) for fold in folds)
        [1, 2, 2]
    """
    codes, n_groups = row_groups(groups)
    check_groups(n_groups, groups.name)
    n_folds = min(n_folds, n_groups)
    return _folds(deal_units(codes, n_groups, n_folds, labels, seed), n_folds)


def check_groups(n_groups: int, name: Any) -> None:
    """Refuse a single group."""
    if n_groups < 2:
        raise DataError(
            f"The group column {name!r} has {counted(n_groups, 'group')}, but a model is judged on "
            "groups that it was not trained on, and needs two. Use a column with more groups, or leave out "
            "`group`."
        )


def folds_in_time(times: pd.Series, *, n_folds: int) -> tuple[Fold, ...]:
    """Cut time into blocks: each is judged by a model of all earlier ones; rows of one time stay together.

    Args:
        times: The time of every row: times, text in ISO form, or numbers such as a year.
        n_folds: How many blocks are judged; fewer where there are fewer different times.

    Raises:
        DataError: A time is missing or cannot be read, or all are equal.

    Example:
        >>> fold, last = folds_in_time(pd.Series([2019, 2007, 2008, 2007, 2020]), n_folds=2)
        >>> last.train.tolist(), last.held_out.tolist()
        ([1, 2, 3], [0, 4])
    """
    blocks = time_blocks(row_order_values(times), n_folds=n_folds, name=times.name)
    return tuple(
        Fold(train=np.flatnonzero(blocks < block), held_out=np.flatnonzero(blocks == block))
        for block in range(1, int(blocks.max()) + 1)
    )


def time_blocks(times: np.ndarray, *, n_folds: int, name: Any) -> np.ndarray:
    """Cut time into blocks as `folds_in_time` does: of each row, int64 ``[row]``; the first is never judged.

    Args:
        times: Numbers that order the rows, ``[row]``.
        n_folds: How many blocks are judged.
        name: The column, for messages.
    """
    _, codes, counts = np.unique(times, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        raise DataError(
            f"The time column {name!r} has {counted(len(counts), 'different time')}, but a model is "
            "judged on later rows than it was trained on, and needs two. Use a finer time, or leave out "
            "`time_column`."
        )
    n_blocks = min(n_folds, len(counts) - 1) + 1
    middle = np.cumsum(counts) - counts / 2  # rows before the middle of each time
    block_of_time = np.minimum((middle / len(codes) * n_blocks).astype(np.int64), n_blocks - 1)
    blocks = pd.factorize(block_of_time[codes], sort=True)[0]
    if blocks.max() == 0:  # one time has nearly all rows
        blocks = (codes > 0).astype(np.int64)
    return blocks


def folds_by_column(column: pd.Series) -> tuple[Fold, ...]:
    """Let rows that share a value be a fold; rows without one train in all folds, and are judged in none.

    Args:
        column: Text, numbers, truth values or categories.

    Raises:
        DataError: There are fewer than two values, or more than a hundred.

    Example:
        >>> first, second = folds_by_column(pd.Series(["a", "b", None, "a"]))
        >>> first.held_out.tolist(), first.train.tolist(), second.held_out.tolist()
        ([0, 3], [1, 2], [1])
    """
    codes, values = pd.factorize(column_categories(column), sort=False)
    check_fold_values(len(values), column.name)
    return _folds(codes, len(values))


def check_fold_values(n_values: int, name: Any) -> None:
    """Refuse a column of folds with one value, or very many."""
    if not 2 <= n_values <= _MOST_FOLDS:
        raise DataError(
            f"The column {name!r} of `fold_column` has {counted(n_values, 'value')} in labelled rows, "
            f"but each value is a fold, and 2 to {_MOST_FOLDS} are possible. Choose another column, or "
            "`folds` for a number of folds."
        )


def folds_by_splitter(
    splitter: Any, n_rows: int, *, labels: np.ndarray | None = None, groups: np.ndarray | None = None
) -> tuple[Fold, ...]:
    """Take the folds of a scikit-learn splitter, or pairs of positions.

    Args:
        splitter: Something with ``split(X, y, groups)``, or an iterable of pairs ``(train, held_out)``.
        n_rows: How many rows there are.
        labels: Given to the splitter, which may stratify by them.
        groups: Given to the splitter.

    Raises:
        InputError: It is neither, or it refuses the rows; or positions are out of range, or a row is in both
            parts, or held out twice.

    Example:
        >>> from sklearn.model_selection import KFold
        >>> [fold.held_out.tolist() for fold in folds_by_splitter(KFold(2), 4)]
        [[0, 1], [2, 3]]
    """
    if hasattr(splitter, "split") and not isinstance(splitter, str | bytes):
        try:
            pairs = list(splitter.split(np.zeros((n_rows, 1)), labels, groups))
        except (TypeError, ValueError) as error:
            raise InputError(f"The splitter of `folds` refuses the rows of the table: {error}") from error
    elif isinstance(splitter, Iterable) and not isinstance(splitter, str | bytes):
        pairs = list(splitter)
    else:
        raise InputError(
            "`folds` takes a number, a scikit-learn splitter, or pairs of row positions (training, held "
            f"out), got {type(splitter).__name__}."
        )
    folds = tuple(_fold(index, pair, n_rows) for index, pair in enumerate(pairs))
    if not folds:
        raise InputError("`folds` has no pair of training and held-out rows; give one at least.")
    judged = np.concatenate([fold.held_out for fold in folds])
    if len(np.unique(judged)) < len(judged):
        raise InputError(
            "`folds` holds some rows out more than once; every row may be judged by one model. Use a "
            "splitter without repeats."
        )
    return folds


def _fold(index: int, pair: Any, n_rows: int) -> Fold:
    try:
        train, held_out = (np.asarray(rows) for rows in pair)
    except (TypeError, ValueError) as error:
        raise InputError(f"Pair {index} of `folds` is no pair of row positions: {error}.") from error
    parts = []
    for rows in (train, held_out):
        if rows.dtype == bool and rows.shape == (n_rows,):
            rows = np.flatnonzero(rows)
        if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer) or not len(rows):
            raise InputError(
                f"Pair {index} of `folds` needs positions of rows, whole numbers, some for training and some "
                f"held out; or a truth value for each of the {n_rows} rows."
            )
        if rows.min() < 0 or rows.max() >= n_rows:
            raise InputError(
                f"Pair {index} of `folds` has positions from {rows.min()} to {rows.max()}, but the rows of "
                f"the table are 0 to {n_rows - 1}."
            )
        parts.append(np.unique(rows).astype(np.int64))
    if len(np.intersect1d(*parts)):
        raise InputError(
            f"Pair {index} of `folds` trains on rows that it holds out; take them from one part."
        )
    return Fold(train=parts[0], held_out=parts[1])


def _folds(fold_of_row: np.ndarray, n_folds: int) -> tuple[Fold, ...]:
    return tuple(
        Fold(train=np.flatnonzero(fold_of_row != fold), held_out=np.flatnonzero(fold_of_row == fold))
        for fold in range(n_folds)
    )


def deal_units(
    unit_of_row: np.ndarray, n_units: int, n_folds: int, labels: Sequence[Labels], seed: int
) -> np.ndarray:
    """Return the fold of every row; units are rows or groups.

    The rarest label is dealt first, each unit of it to the fold that lacks it most; labels so common that
    chance keeps their share are left to chance.
    """
    draw = numpy_generator(seed, "folds")
    sizes = np.bincount(unit_of_row, minlength=n_units).astype(float)
    fold_of_unit = np.full(n_units, -1)
    room = np.full(n_folds, sizes.sum() / n_folds)
    asked = [part for target in labels for part in _label_units(target, unit_of_row)]
    for units, counts in sorted(asked, key=lambda part: len(part[0])):
        if len(units) > BALANCED_BY_CHANCE * n_folds:
            continue
        lacking = np.full(n_folds, counts.sum() / n_folds)
        dealt = fold_of_unit[units] >= 0
        np.subtract.at(lacking, fold_of_unit[units[dealt]], counts[dealt])
        free = np.flatnonzero(~dealt)
        order = free[np.lexsort((draw.random(len(free)), -counts[free]))]
        for index in order.tolist():
            unit = units[index]
            fold = int(np.lexsort((draw.random(n_folds), -room, -lacking))[0])
            fold_of_unit[unit] = fold
            lacking[fold] -= counts[index]
            room[fold] -= sizes[unit]
    _fill(fold_of_unit, sizes, room, draw)
    return fold_of_unit[unit_of_row]


def _fill(fold_of_unit: np.ndarray, sizes: np.ndarray, room: np.ndarray, draw: np.random.Generator) -> None:
    """Deal the units that are left, the largest first, to the fold with most room."""
    left = np.flatnonzero(fold_of_unit < 0)
    order = left[np.lexsort((draw.random(len(left)), -sizes[left]))]
    if len(order) and sizes[order].max() == 1:  # rows: each takes the place that leaves most room
        places = room[:, None] + draw.random((len(room), 1)) * 1e-6 - np.arange(len(order))  # [fold, place]
        taken = np.argsort(-places, axis=None, kind="stable")[: len(order)] // len(order)
        fold_of_unit[order] = draw.permutation(taken)
        return
    for unit in order.tolist():
        fold = int(np.argmax(room))
        fold_of_unit[unit] = fold
        room[fold] -= sizes[unit]


def _label_units(target: Labels, unit_of_row: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each class of a target: the units that have it, and in how many rows."""
    found = []
    for code in np.unique(target.codes[target.codes >= 0]):
        found.append(np.unique(unit_of_row[target.codes == code], return_counts=True))
    return found
