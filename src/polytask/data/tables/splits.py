"""Training, validation and test rows: by row, by group or by time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from polytask.core import DataError, InputError
from polytask.core.names import counted
from polytask.core.random import numpy_generator
from polytask.data.tables.column import column_categories, column_days, column_kind, column_numbers
from polytask.data.tables.label_split import Labels, Need, needs_of_labels, parts_that_meet
from polytask.data.tables.problems import some_rows

__all__ = ["Split", "row_groups", "row_order_values", "split_groups", "split_rows", "split_time"]

Fractions = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Rows of a table in three parts, as positions.

    Args:
        train: int64 ``[row]``.
        validation: int64 ``[row]``.
        test: int64 ``[row]``.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_rows(
    n_rows: int,
    *,
    fractions: Fractions = (0.6, 0.2, 0.2),
    seed: int,
    stratify: pd.Series | None = None,
    labels: Sequence[Labels] = (),
) -> Split:
    """Split rows at random.

    Args:
        n_rows: How many rows there are.
        fractions: Of training, validation and test.
        seed: Decides the split.
        stratify: A class per row: every class has a row in training, and about its share in every part. A
            missing class counts as one.
        labels: Of each target: where it can be, every part has some, and training has every class.

    Raises:
        DataError: There are too few rows to fill every part, or fewer training rows than classes.

    Example:
        >>> split = split_rows(10, seed=0)
        >>> len(split.train), len(split.validation), len(split.test)
        (6, 2, 2)
    """
    sizes = _sizes(n_rows, _checked(fractions))
    draw = numpy_generator(seed, "split rows")
    if stratify is None:
        order = draw.permutation(n_rows)
    else:
        if len(stratify) != n_rows:
            raise InputError(f"`stratify` has {len(stratify)} rows, but there are {n_rows}.")
        order = _stratified_order(stratify, sizes[0], draw)
    split = _cut(order, sizes)
    if not labels:
        return split
    parts = np.zeros(n_rows, dtype=np.int64)
    parts[split.validation], parts[split.test] = 1, 2
    return _split_by_part(_fair(parts, labels, np.arange(n_rows), np.ones(n_rows, dtype=np.int64), seed))


def split_groups(
    groups: pd.Series,
    *,
    fractions: Fractions = (0.6, 0.2, 0.2),
    seed: int,
    labels: Sequence[Labels] = (),
) -> Split:
    """Split rows at random, never cutting a group: a patient, a document, a site.

    Args:
        groups: The group of every row.
        fractions: Of training, validation and test, in rows; met as well as the groups allow.
        seed: Decides the split.
        labels: As for `split_rows`.

    Raises:
        DataError: There are fewer than three groups, or a row has none.

    Example:
        >>> split = split_groups(pd.Series(["a", "a", "b", "c", "c"]), seed=0)
        >>> sorted(map(len, (split.train, split.validation, split.test)))
        [1, 2, 2]
    """
    targets = np.array(_checked(fractions)) * len(groups)
    codes, n_groups = row_groups(groups)
    if n_groups < 3:
        raise DataError(
            f"The group column {groups.name!r} has {counted(n_groups, 'group')}, but training, "
            f"validation and test need "
            "one each. Use a column with more groups, or split by row."
        )
    counts = np.bincount(codes)
    part_of_group = np.full(n_groups, -1)
    filled = np.zeros(3)
    for position, group in enumerate(numpy_generator(seed, "split groups").permutation(n_groups)):
        empty = np.flatnonzero(filled == 0)
        # As many groups are left as parts are empty: each of them gets one.
        choices = empty if len(empty) == n_groups - position else np.arange(3)
        part = choices[np.argmax((targets - filled)[choices])]
        part_of_group[group] = part
        filled[part] += counts[group]
    return _split_by_part(_fair(part_of_group, labels, codes, counts, seed)[codes])


def split_time(
    times: pd.Series, *, fractions: Fractions = (0.6, 0.2, 0.2), labels: Sequence[Labels] = ()
) -> Split:
    """Train on the earliest rows, validate on later ones, test on the latest; rows of one time stay together.

    Args:
        times: The time of every row: times, text in ISO form, or numbers such as a year.
        fractions: Of training, validation and test, in rows; met as well as equal times allow.
        labels: As for `split_rows`.

    Raises:
        DataError: A time is missing or cannot be read, or there are fewer than three different times.

    Example:
        >>> split_time(pd.Series([2019, 2007, 2008, 2007, 2020])).train
        array([1, 2, 3])
    """
    cuts = np.cumsum(_checked(fractions))[:2] * len(times)
    _, codes, counts = np.unique(row_order_values(times), return_inverse=True, return_counts=True)
    n_times = len(counts)
    if n_times < 3:
        raise DataError(
            f"The time column {times.name!r} has {counted(n_times, 'different time')}, but training, "
            f"validation and "
            "test need one each. Use a finer time, or split by row."
        )
    rows_until = np.cumsum(counts)  # [time]
    first = int(np.argmin(np.abs(rows_until[: n_times - 2] - cuts[0])))
    second = first + 1 + int(np.argmin(np.abs(rows_until[first + 1 : n_times - 1] - cuts[1])))
    if labels:
        needs = needs_of_labels(labels, codes)
        parts = np.repeat(np.arange(3), [first + 1, second - first, n_times - 1 - second])
        if any(not (parts[need.units] == need.part).any() for need in needs):
            first, second = _fair_cuts(needs, rows_until, cuts) or (first, second)
    return _split_by_part((codes > first).astype(int) + (codes > second))


def row_groups(groups: pd.Series, *, unit: str = "group") -> tuple[np.ndarray, int]:
    """Number the group of every row.

    Args:
        groups: Their names.
        unit: What messages call a group.

    Raises:
        DataError: A row has no group.
    """
    texts = column_categories(groups)
    n_missing = sum(text is None for text in texts)
    if n_missing:
        raise DataError(
            f"The {unit} column {groups.name!r} is empty in {some_rows(n_missing)}. Fill or remove them."
        )
    codes, names = pd.factorize(texts, sort=True)
    return codes, len(names)


def row_order_values(times: pd.Series) -> np.ndarray:
    """Read a time column as numbers that order the rows, float64 ``[row]``.

    Raises:
        DataError: A time is missing or cannot be read.
    """
    where = f"The time column {times.name!r}"
    kind = column_kind(times)
    if kind == "category":
        raise DataError(f"{where} cannot be read as times. Write them as 2024-03-31 or 2024-03-31 12:30.")
    values = column_days(times) if kind == "time" else column_numbers(times)
    n_unknown = int((~np.isfinite(values)).sum())
    if n_unknown:
        raise DataError(f"{where} is empty or infinite in {some_rows(n_unknown)}. Fill or remove them.")
    return values


def _checked(fractions: Sequence[float]) -> Fractions:
    if (
        len(fractions) != 3
        or not all(0 < fraction < 1 for fraction in fractions)
        or abs(sum(fractions) - 1) > 1e-6
    ):
        raise InputError(
            "`fractions` must be three numbers above 0 with sum 1, for training, validation and test, got "
            f"{fractions}."
        )
    return (fractions[0], fractions[1], fractions[2])


def _sizes(n_rows: int, fractions: Fractions) -> tuple[int, int, int]:
    if n_rows < 3:
        raise DataError(
            f"There {'is' if n_rows == 1 else 'are'} {counted(n_rows, 'row')}, but training, validation "
            f"and test need one each. Collect more rows."
        )
    held_out = [max(1, round(fraction * n_rows)) for fraction in fractions[1:]]
    while sum(held_out) >= n_rows:  # rounded up twice
        held_out[int(np.argmax(held_out))] -= 1
    return n_rows - sum(held_out), held_out[0], held_out[1]


def _stratified_order(classes: pd.Series, n_train: int, draw: np.random.Generator) -> np.ndarray:
    """Order rows such that every stretch has its share of every class, and the first one all classes."""
    codes, names = pd.factorize(column_categories(classes), use_na_sentinel=False)
    if len(names) > n_train:
        raise DataError(
            f"{len(names)} classes of {classes.name!r} cannot all be among {n_train} training rows. Collect "
            "more rows, or merge or leave out rare classes."
        )
    keys = np.empty(len(codes))
    for code in range(len(names)):
        rows = draw.permutation(np.flatnonzero(codes == code))
        keys[rows] = (np.arange(len(rows)) + draw.random()) / len(rows)  # evenly over (0, 1)
        keys[rows[0]] = -1.0
    return np.argsort(keys, kind="stable")


def _fair(
    parts: np.ndarray, labels: Sequence[Labels], unit_of_row: np.ndarray, sizes: np.ndarray, seed: int
) -> np.ndarray:
    """Change the part of some units so that the labels allow a fit; where none would do, leave them."""
    needs = needs_of_labels(labels, unit_of_row) if labels else []
    fair = parts_that_meet(needs, parts, sizes, numpy_generator(seed, "fair split"))
    return parts if fair is None else fair


def _fair_cuts(needs: Sequence[Need], rows_until: np.ndarray, cuts: np.ndarray) -> tuple[int, int] | None:
    """Find the last times of training and of validation, close to the wanted ones, that meet all needs."""
    n_times = len(rows_until)
    earliest = max(int(need.units.min()) for need in needs if need.part == 0)
    latest = min(int(need.units.max()) for need in needs if need.part == 2) - 1
    firsts = np.arange(earliest, n_times - 2)
    seconds = firsts + 1  # the earliest end of validation [first]
    for need in needs:
        if need.part == 1:
            later = np.searchsorted(need.units, firsts, side="right")
            seconds = np.maximum(seconds, np.append(need.units, n_times)[later])
    possible = seconds <= latest
    if not possible.any():
        return None
    firsts, seconds = firsts[possible], seconds[possible]
    wanted = int(np.argmin(np.abs(rows_until - cuts[1])))
    seconds = np.clip(wanted, seconds, latest)
    distances = np.abs(rows_until[firsts] - cuts[0]) + np.abs(rows_until[seconds] - cuts[1])
    best = int(np.argmin(distances))
    return int(firsts[best]), int(seconds[best])


def _cut(order: np.ndarray, sizes: Sequence[int]) -> Split:
    train, validation, test = np.split(order, np.cumsum(sizes)[:2])
    return Split(train=np.sort(train), validation=np.sort(validation), test=np.sort(test))


def _split_by_part(parts: np.ndarray) -> Split:
    train, validation, test = (np.flatnonzero(parts == part) for part in range(3))
    return Split(train=train, validation=validation, test=test)
