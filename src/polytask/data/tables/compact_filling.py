"""Encode a large table, piece by piece, into compact rows in random order."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from polytask.core import DataError
from polytask.core.memory_budget import free_bytes
from polytask.core.random import numpy_generator
from polytask.data.tables.column import column_categories, column_days, column_kind, column_numbers
from polytask.data.tables.compact_rows import CompactRows, FeatureMaker
from polytask.data.tables.feature_column import NumberFeatures, finite_numbers
from polytask.data.tables.features import EncodingReport, TableEncoder
from polytask.data.tables.large_table import LargeTable
from polytask.data.tables.problems import problem_error, some_rows
from polytask.data.tables.target_column import TargetColumn

__all__ = ["fill_rows"]

_SHIFTED_AT_ONCE = 2**18  # rows


def fill_rows(
    table: LargeTable,
    encoder: TableEncoder,
    targets: Sequence[TargetColumn],
    *,
    group: str | None = None,
    time: str | None = None,
    weight: str | None = None,
    seed: int,
) -> tuple[CompactRows, EncodingReport]:
    """Encode the rows that have a label at least.

    Args:
        table: The table.
        encoder: Encodes the features.
        targets: Encode the targets.
        group: The column of groups.
        time: The column of times.
        weight: The column of weights.
        seed: Decides the order.

    Returns:
        The rows, and what was noteworthy in encoding them.

    Raises:
        DataError: A value is not of its column's kind, a group, time or weight is missing, or the rows take
            more memory than is free.
    """
    filling = _Filling(table, encoder, targets, group=group, time=time, weight=weight, seed=seed)
    names = [*encoder.columns, *(target.task.name for target in targets)]
    names += [name for name in (group, time, weight) if name is not None]
    for piece in table.pieces(names):
        filling.add(piece)
    if filling.problems:
        raise problem_error(list(filling.problems.values()))
    return filling.rows(), filling.odd


class _Filling:
    """The arrays that are filled; the row of the table at position ``i`` goes to ``order[i]``."""

    def __init__(
        self,
        table: LargeTable,
        encoder: TableEncoder,
        targets: Sequence[TargetColumn],
        *,
        group: str | None,
        time: str | None,
        weight: str | None,
        seed: int,
    ) -> None:
        self.encoder, self.targets, self.make = encoder, tuple(targets), FeatureMaker(encoder)
        self.group, self.time, self.weight = group, time, weight
        self.problems: dict[str, str] = {}
        self.odd = EncodingReport(
            n_columns=len(encoder.columns), dropped=encoder.dropped, notes=encoder.notes
        )
        self.start, n_rows = 0, table.n_rows
        shapes = {
            "numbers": (len(self.make.numbers), np.float32),
            "days": (len(self.make.times), np.float64),
            "states": (len(self.make.categories), np.int16),
            "targets": (len(targets), np.float32),
        }
        roles = {"groups": (group, np.int32), "times": (time, np.float64), "weights": (weight, np.float64)}
        row_bytes = 12 + sum(width * np.dtype(kind).itemsize for width, kind in shapes.values())
        row_bytes += sum(np.dtype(kind).itemsize for name, kind in roles.values() if name is not None)
        _check_memory(n_rows * row_bytes, n_rows, table.where)
        self.arrays = {name: np.empty((n_rows, width), kind) for name, (width, kind) in shapes.items()}
        self.roles = {
            role: np.empty(n_rows, kind) for role, (name, kind) in roles.items() if name is not None
        }
        self.group_codes: dict[str, int] = {}
        self.order = np.arange(n_rows, dtype=np.int32 if n_rows < 2**31 else np.int64)
        numpy_generator(seed, "order of the table").shuffle(self.order)

    def add(self, piece: pd.DataFrame) -> None:
        """Encode a piece of the table."""
        places = self.order[self.start : self.start + len(piece)]
        self.start += len(piece)
        features = {
            "numbers": [self._numbers(one, piece) for one in self.make.numbers],
            "days": [self._numbers(one, piece) for one in self.make.times],
            "states": [self._states(index, piece) for index in range(len(self.make.categories))],
            "targets": [self._target(target, piece) for target in self.targets],
        }
        for name, columns in features.items():
            if columns and all(column is not None for column in columns):
                self.arrays[name][places] = np.stack([c for c in columns if c is not None], axis=1)
        for role, read in (("groups", self._groups), ("times", self._times), ("weights", self._weights)):
            if role in self.roles:
                values = self._try(role, read, piece)
                self.roles[role][places] = 0 if values is None else values

    def _try(self, name: str, read: object, *given: object) -> np.ndarray | None:
        """Read something; note what is wrong, once for each column."""
        try:
            return read(*given)  # pyright: ignore[reportCallIssue] - one of the functions below
        except DataError as error:
            self.problems.setdefault(name, str(error))
            return None

    def _numbers(self, encoding: NumberFeatures, piece: pd.DataFrame) -> np.ndarray | None:
        def read() -> np.ndarray:
            values = finite_numbers(
                piece[encoding.name], encoding.kind, words=encoding.words, form=encoding.form
            )
            encoded = encoding.encode_numbers(values)
            if encoded.n_clipped:
                self.odd = self.odd.with_more(EncodingReport(clipped={encoding.name: encoded.n_clipped}))
            if encoding.kind == "time":
                return values
            return np.where(np.isnan(values), np.float32(np.nan), encoded.features[:, 0])

        return self._try(encoding.name, read)

    def _states(self, index: int, piece: pd.DataFrame) -> np.ndarray | None:
        name = self.make.categories[index].name

        def read() -> np.ndarray:
            states, unseen = self.make.states[index].of(piece[name])
            if unseen:
                more = EncodingReport(unseen_categories={name: unseen})
                self.odd = self.odd.with_more(more)
            return states

        return self._try(name, read)

    def _target(self, target: TargetColumn, piece: pd.DataFrame) -> np.ndarray | None:
        def read() -> np.ndarray:
            values, known = target.encode(piece[target.task.name], first=self.start - len(piece))
            return np.where(known.numpy(), values.float().numpy(), np.float32(np.nan))

        return self._try(f"target {target.task.name}", read)

    def _groups(self, piece: pd.DataFrame) -> np.ndarray:
        codes, names = pd.factorize(column_categories(piece[self.group or ""]))
        known = self.group_codes
        numbers = np.array([*(known.setdefault(name, len(known)) for name in names), -1], dtype=np.int32)
        return numbers[codes]

    def _times(self, piece: pd.DataFrame) -> np.ndarray:
        column = piece[self.time or ""]
        kind = column_kind(column)
        if kind == "category":
            raise DataError(
                f"The time column {self.time!r} cannot be read as times. Write them as 2024-03-31 or "
                "2024-03-31 12:30."
            )
        return column_days(column) if kind == "time" else column_numbers(column)

    def _weights(self, piece: pd.DataFrame) -> np.ndarray:
        return column_numbers(piece[self.weight or ""])

    def rows(self) -> CompactRows:
        """Leave out rows without a label, and check what the others have."""
        indices = np.empty_like(self.order)
        indices[self.order] = np.arange(len(self.order), dtype=self.order.dtype)
        del self.order
        labelled = np.zeros(len(indices), dtype=bool)
        for column in self.arrays["targets"].T:
            labelled |= ~np.isnan(column)
        n_rows = int(labelled.sum())
        if not n_rows:
            raise DataError("No row has a label of any target. Fill their columns, or name others.")
        if n_rows < len(labelled):
            for values in (*self.arrays.values(), *self.roles.values(), indices):
                _move_up(values, labelled)
        arrays = {name: torch.from_numpy(values[:n_rows]) for name, values in self.arrays.items()}
        roles = {name: values[:n_rows] for name, values in self.roles.items()}
        weights = None if self.weight is None else self._checked_weights(roles["weights"])
        return CompactRows(
            make=self.make,
            **arrays,
            indices=indices[:n_rows],
            classes=frozenset(index for index, target in enumerate(self.targets) if target.classes),
            groups=None if self.group is None else self._checked_groups(roles["groups"]),
            times=None if self.time is None else self._checked_times(roles["times"]),
            weights=weights,
        )

    def _checked_groups(self, codes: np.ndarray) -> np.ndarray:
        """Number groups in the order of their names, as `row_groups` does."""
        n_missing = int((codes < 0).sum())
        if n_missing:
            raise DataError(
                f"The group column {self.group!r} is empty in {some_rows(n_missing)}. Fill or remove them."
            )
        present = np.flatnonzero(np.bincount(codes, minlength=len(self.group_codes)))
        names = list(self.group_codes)
        ordered = sorted(present.tolist(), key=lambda code: names[code])
        number = np.zeros(len(names), dtype=np.int32)
        number[ordered] = np.arange(len(ordered), dtype=np.int32)
        for start in range(0, len(codes), _SHIFTED_AT_ONCE):
            codes[start : start + _SHIFTED_AT_ONCE] = number[codes[start : start + _SHIFTED_AT_ONCE]]
        return codes

    def _checked_times(self, times: np.ndarray) -> np.ndarray:
        n_unknown = int((~np.isfinite(times)).sum())
        if n_unknown:
            raise DataError(
                f"The time column {self.time!r} is empty or infinite in {some_rows(n_unknown)}. Fill or "
                "remove them."
            )
        return times

    def _checked_weights(self, values: np.ndarray) -> torch.Tensor:
        if not np.isfinite(values).all() or (values < 0).any() or not values.any():
            raise DataError(
                f"The column {self.weight!r} of `weight_column` needs a number of 0 or more in every "
                "labelled row, and one above 0. Fill or mend it."
            )
        return torch.from_numpy((values / values.mean()).astype(np.float32))


def _move_up(values: np.ndarray, kept: np.ndarray) -> None:
    """Move the rows that are kept to the front, in their order."""
    to = 0
    for start in range(0, len(values), _SHIFTED_AT_ONCE):
        part = values[start : start + _SHIFTED_AT_ONCE][kept[start : start + _SHIFTED_AT_ONCE]]
        values[to : to + len(part)] = part
        to += len(part)


def _check_memory(n_bytes: int, n_rows: int, where: str) -> None:
    free = free_bytes(torch.device("cpu"))
    if n_bytes > free:
        raise DataError(
            f"The {n_rows:,} rows of {where} take {n_bytes / 2**30:.1f} GiB of memory, "
            f"{n_bytes / n_rows:.0f} bytes each, but {free / 2**30:.1f} GiB are free. Leave out columns by "
            "`drop`, give fewer rows, or use a machine with more memory."
        )
