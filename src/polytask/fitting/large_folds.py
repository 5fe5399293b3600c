"""Deal the rows of a large table into folds: a small number for each row instead of lists of rows."""

from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np

from polytask.core import DataError, InputError, derive_seed
from polytask.core.names import counted
from polytask.core.random import numpy_generator
from polytask.data.tables.compact_rows import CompactRows
from polytask.data.tables.folds import (
    BALANCED_BY_CHANCE,
    Fold,
    check_fold_values,
    check_groups,
    deal_units,
    time_blocks,
)
from polytask.data.tables.label_split import Labels
from polytask.fitting.table_folds import FOLDS_OF_MANY

__all__ = ["DealtRows", "check_units", "deal_rows"]

_MOST_GROUPS = 100_000  # above, chance gives each fold its share of every label
_MOST_FOLDS = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DealtRows:
    """The part of each row, once for each repeat.

    Args:
        parts: uint8 ``[repeat, row]``; 255 for a row that trains all folds and judges none.
        n_folds: How many folds there are.
        forward: Whether parts are blocks of time: fold ``k`` is trained on the parts up to ``k`` and judged
            by the next. Else it is judged by part ``k`` and trained on all others.
    """

    parts: np.ndarray
    n_folds: int
    forward: bool = False

    def trains(self, repeat: int, fold: int | None, rows: slice | np.ndarray) -> np.ndarray:
        """Tell which of some rows a fold is trained on, bool ``[row]``; None is trained on all."""
        parts = self.parts[repeat, rows]
        if fold is None:
            return np.ones(len(parts), dtype=bool)
        return parts <= fold if self.forward else parts != fold

    def judges(self, repeat: int, fold: int, rows: slice | np.ndarray) -> np.ndarray:
        """Tell which of some rows judge a fold, bool ``[row]``."""
        return self.parts[repeat, rows] == fold + self.forward

    def folds(self, rows: np.ndarray) -> tuple[tuple[Fold, ...], ...]:
        """Return the folds of some rows alone, as indices among them."""
        return tuple(
            tuple(
                Fold(
                    train=np.flatnonzero(self.trains(repeat, fold, rows)),
                    held_out=np.flatnonzero(self.judges(repeat, fold, rows)),
                )
                for fold in range(self.n_folds)
            )
            for repeat in range(len(self.parts))
        )


def deal_rows(
    rows: CompactRows,
    *,
    group: str | None,
    time: str | None,
    column: str | None = None,
    folds: Any,
    repeats: int,
    seed: int,
) -> DealtRows:
    """Deal rows: by a column, by groups, in time, or evenly by rare labels; others get their share by chance.

    Args:
        rows: The rows, in random order.
        group: The column of groups.
        time: The column of times.
        column: The column whose values are the folds.
        folds: How many; None for 3.
        repeats: How often.
        seed: Decides the folds.

    Raises:
        InputError: ``folds`` is no number.
        DataError: There is one group, or one time, alone.
    """
    if folds is not None and not isinstance(folds, Number):
        raise InputError(
            f"`folds` takes a number for a table of {len(rows):,} rows, which is read in pieces, got "
            f"{type(folds).__name__}."
        )
    n_folds = FOLDS_OF_MANY if folds is None else int(folds)  # pyright: ignore[reportArgumentType]
    if n_folds > _MOST_FOLDS:
        raise InputError(
            f"`folds` is at most {_MOST_FOLDS} for a table that is read in pieces, got {n_folds}."
        )
    if rows.folds is not None:
        return _by_column(rows, column, group, repeats)
    seeds = [derive_seed(seed, "folds", repeat) for repeat in range(repeats)]
    if rows.times is not None:
        blocks = time_blocks(rows.times, n_folds=n_folds, name=time)
        parts = np.repeat(blocks.astype(np.uint8)[None], repeats, axis=0)
        return DealtRows(parts=parts, n_folds=int(parts.max()), forward=True)
    if rows.groups is not None:
        n_groups = int(rows.groups.max()) + 1
        check_groups(n_groups, group)
        n_folds = min(n_folds, n_groups)
        labels = _labels(rows) if n_groups <= _MOST_GROUPS else []
        codes = rows.groups.astype(np.int64)
        dealt = [deal_units(codes, n_groups, n_folds, labels, one).astype(np.uint8) for one in seeds]
        return DealtRows(parts=np.stack(dealt), n_folds=n_folds)
    n_folds = min(n_folds, len(rows))
    return DealtRows(parts=np.stack([_by_chance(rows, n_folds, one) for one in seeds]), n_folds=n_folds)


def _by_column(rows: CompactRows, column: str | None, group: str | None, repeats: int) -> DealtRows:
    """Let rows with one value of a column be a fold."""
    folds = np.empty(0) if rows.folds is None else rows.folds
    n_folds = int(folds.max()) + 1
    check_fold_values(n_folds, column)
    parts = np.where(folds < 0, 255, folds).astype(np.uint8)
    if rows.groups is not None:
        low = np.full(int(rows.groups.max()) + 1, 255)
        high = np.zeros(len(low), dtype=np.int64)
        np.minimum.at(low, rows.groups, parts)
        np.maximum.at(high, rows.groups, parts)
        n_cut = int((low < high).sum())
        if n_cut:
            raise DataError(
                f"The values of {column!r}, the fold column, cut {counted(n_cut, 'group')} of {group!r}, so "
                "that folds train on rows of groups that they hold out. Use folds that keep groups, or leave "
                "out `group`."
            )
    return DealtRows(parts=np.repeat(parts[None], repeats, axis=0), n_folds=n_folds)


def _by_chance(rows: CompactRows, n_folds: int, seed: int) -> np.ndarray:
    """Deal rows at random, and those of rare labels evenly."""
    draw = numpy_generator(seed, "parts")
    parts = (np.arange(len(rows), dtype=np.int32) % n_folds).astype(np.uint8)
    draw.shuffle(parts)
    for index in range(rows.targets.shape[1]):
        labels = rows.targets[:, index].numpy()
        known = ~np.isnan(labels)
        rare = [known] if known.sum() <= BALANCED_BY_CHANCE * n_folds else []
        if index in rows.classes:
            counts = np.bincount(labels[known].astype(np.int64))
            few = np.flatnonzero((counts > 0) & (counts <= BALANCED_BY_CHANCE * n_folds))
            rare += [labels == code for code in few[np.argsort(-counts[few], kind="stable")].tolist()]
        for chosen in rare:
            places = np.flatnonzero(chosen)
            parts[places] = draw.permutation(len(places)) % n_folds
    return parts


def _labels(rows: CompactRows) -> list[Labels]:
    """Number the labels of each target as folds of groups get equal shares of them."""
    found = []
    for index in range(rows.targets.shape[1]):
        labels = rows.targets[:, index].numpy()
        known = ~np.isnan(labels)
        codes = np.where(known, labels if index in rows.classes else 0, -1).astype(np.int64)
        found.append(Labels(codes=codes))
    return found


def check_units(rows: CompactRows, names: list[str], *, group: str | None, time: str | None) -> list[str]:
    """Tell which targets have labels in one group, or at one time, alone."""
    units, column, what = (rows.groups, group, "group") if group is not None else (rows.times, time, "time")
    if units is None:
        return []
    setting = "group" if group is not None else "time_column"
    problems = []
    for index, name in enumerate(names):
        labelled = units[~np.isnan(rows.targets[:, index].numpy())]
        if len(labelled) and (labelled == labelled[0]).all():
            problems.append(
                f"Target {name!r} has labels {'in' if group is not None else 'at'} {counted(1, what)} of "
                f"{column!r} only, but a model is judged on another {what} than it was trained on. Label "
                f"rows of more {what}s, leave out `{setting}`, or leave out the target."
            )
    return problems
