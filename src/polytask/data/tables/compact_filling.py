"""Encode a large table, piece by piece, into compact rows in random order."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from polytask.core import DataError
from polytask.core.memory_budget import check_free_bytes
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
    fold: str | None = None,
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
        fold: The column of folds.
        seed: Decides the order.

    Returns:
        The rows, and what was noteworthy in encoding them.

    Raises:
        DataError: A value is not of its column's kind, a group, time or weight is missing, or the rows take
            more memory than is free.
    """
    named = {"groups": group, "times": time, "weights": weight, "folds": fold}
    filling = _Filling(table, encoder, targets, named, seed=seed)
    names = [*encoder.columns, *(target.task.name for target in targets)]
    names += [name for name in named.values() if name is not None]
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
        named: Mapping[str, str | None],
        *,
        seed: int,
    ) -> None:
        self.encoder, self.targets, self.make = encoder, tuple(targets), FeatureMaker(encoder)
        self.named = {role: name for role, name in named.items() if name is not None}
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
        roles = {role: np.int32 if role in ("groups", "folds") else np.float64 for role in self.named}
        row_bytes = 12 + sum(width * np.dtype(kind).itemsize for width, kind in shapes.values())
        row_bytes += sum(np.dtype(kind).itemsize for kind in roles.values())
        _check_memory(n_rows * row_bytes, n_rows, table.where)
        self.arrays = {name: np.empty((n_rows, width), kind) for name, (width, kind) in shapes.items()}
        self.roles = {role: np.empty(n_rows, kind) for role, kind in roles.items()}
        self.codes: dict[str, dict[str, int]] = {"groups": {}, "folds": {}}
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
        for role, name in self.named.items():
            values = self._try(role, self._role, role, piece[name])
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

    def _role(self, role: str, column: pd.Series) -> np.ndarray:
        """Read the column of a role: numbers for groups and folds, -1 where missing; NaN for others."""
        if role == "times":
            kind = column_kind(column)
            if kind == "category":
                raise DataError(
                    f"The time column {column.name!r} cannot be read as times. Write them as 2024-03-31 or "
                    "2024-03-31 12:30."
                )
            return column_days(column) if kind == "time" else column_numbers(column)
        if role == "weights":
            return column_numbers(column)
        codes, names = pd.factorize(column_categories(column))
        known = self.codes[role]
        return np.array([*(known.setdefault(name, len(known)) for name in names), -1], dtype=np.int32)[codes]

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
        return CompactRows(
            make=self.make,
            **arrays,
            indices=indices[:n_rows],
            classes=frozenset(index for index, target in enumerate(self.targets) if target.classes),
            groups=self._checked_groups(roles["groups"]) if "groups" in roles else None,
            times=self._checked_times(roles["times"]) if "times" in roles else None,
            weights=self._checked_weights(roles["weights"]) if "weights" in roles else None,
            folds=self._numbered("folds", roles["folds"]) if "folds" in roles else None,
        )

    def _checked_groups(self, codes: np.ndarray) -> np.ndarray:
        """Number groups in the order of their names, as `row_groups` does."""
        n_missing = int((codes < 0).sum())
        if n_missing:
            raise DataError(
                f"The group column {self.named['groups']!r} is empty in {some_rows(n_missing)}. Fill or "
                "remove them."
            )
        return self._numbered("groups", codes, by_name=True)

    def _numbered(self, role: str, codes: np.ndarray, *, by_name: bool = False) -> np.ndarray:
        """Number what is present without gaps, in the order of its names or of the table."""
        names = list(self.codes[role])
        present = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(names))).tolist()
        if by_name:
            present = sorted(present, key=lambda code: names[code])
        number = np.full(len(names) + 1, -1, dtype=np.int32)  # the last one for a missing value
        number[present] = np.arange(len(present), dtype=np.int32)
        for start in range(0, len(codes), _SHIFTED_AT_ONCE):
            codes[start : start + _SHIFTED_AT_ONCE] = number[codes[start : start + _SHIFTED_AT_ONCE]]
        return codes

    def _checked_times(self, times: np.ndarray) -> np.ndarray:
        n_unknown = int((~np.isfinite(times)).sum())
        if n_unknown:
            raise DataError(
                f"The time column {self.named['times']!r} is empty or infinite in "
                f"{some_rows(n_unknown)}. Fill or remove them."
            )
        return times

    def _checked_weights(self, values: np.ndarray) -> torch.Tensor:
        if not np.isfinite(values).all() or (values < 0).any() or not values.any():
            raise DataError(
                f"The column {self.named['weights']!r} of `weight_column` needs a number of 0 or more "
                "in every labelled row, and one above 0. Fill or mend it."
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
    check_free_bytes(
        n_bytes,
        f"The {n_rows:,} rows of {where} take {n_bytes / 2**30:.1f} GiB of memory, "
        f"{n_bytes / n_rows:.0f} bytes each",
        "Leave out columns by `drop`, give fewer rows, or use a machine with more memory.",
    )
