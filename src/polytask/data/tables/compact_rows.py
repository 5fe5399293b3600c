"""The rows of a large table in few bytes each, from which the features of some rows are made when asked.

A number takes 4 bytes, a time 8, a category 2, a target 4; a table of 20 columns and 10 million rows so takes
less than 1 GB, where its features, 4 bytes each, would take several. The rows are in random order.
"""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polytask.data.tables.category_states import CategoryStates
from polytask.data.tables.feature_column import CategoryFeatures, NumberFeatures
from polytask.data.tables.features import TableEncoder

__all__ = ["CompactRows", "FeatureMaker"]

_HASHED_AT_ONCE = 2**18  # rows


class FeatureMaker:
    """Makes features of compact rows: bit for bit what `TableEncoder.transform` makes of the table.

    Args:
        encoder: Of the table; it has no column of text.

    Attributes:
        numbers: The columns of numbers and truth values.
        times: The columns of times.
        categories: The columns of categories.
    """

    def __init__(self, encoder: TableEncoder) -> None:
        numeric = [one for one in encoder.encodings if isinstance(one, NumberFeatures)]
        self.numbers = [one for one in numeric if one.kind != "time"]
        self.times = [one for one in numeric if one.kind == "time"]
        self.categories = [one for one in encoder.encodings if isinstance(one, CategoryFeatures)]
        self.states = [CategoryStates(one) for one in self.categories]
        absent = [one.encode_numbers(np.array([np.nan])).features[0, 0] for one in self.numbers]
        self._medians = torch.tensor(absent, dtype=torch.float32)
        self._marked = torch.tensor(
            [i for i, one in enumerate(self.numbers) if one.indicator], dtype=torch.long
        )
        widths = [len(one.feature_names) for one in self.categories]
        firsts = np.cumsum([0, *widths])[:-1]
        self._n_named = sum(widths)
        self._places = [  # of each state; the last place is for none
            torch.from_numpy(np.where(states.places < 0, self._n_named, states.places + first))
            for states, first in zip(self.states, firsts.tolist(), strict=True)
        ]
        self._shares = [
            (first + width - 1, index)
            for index, (one, first, width) in enumerate(
                zip(self.categories, firsts.tolist(), widths, strict=True)
            )
            if one.buckets
        ]
        self._order = torch.tensor(self._order_of(encoder), dtype=torch.long)

    def _order_of(self, encoder: TableEncoder) -> list[int]:
        """Return where each feature is among those that are made: numbers, marks, times, categories."""
        made: list[tuple[str, int]] = [(one.name, 0) for one in self.numbers]
        made += [(one.name, 1) for one in self.numbers if one.indicator]
        for one in [*self.times, *self.categories]:
            made += [(one.name, index) for index in range(len(one.feature_names))]
        place = {feature: index for index, feature in enumerate(made)}
        return [
            place[one.name, index] for one in encoder.encodings for index in range(len(one.feature_names))
        ]

    def __call__(self, numbers: Tensor, days: Tensor, states: Tensor) -> Tensor:
        """Make the features of some rows, float32 ``[row, feature]``.

        Args:
            numbers: Standardized, NaN where missing, float32 ``[row, number]``.
            days: NaN where missing, float64 ``[row, time]``.
            states: int16 ``[row, category]``.
        """
        missing = numbers.isnan()
        parts = [torch.where(missing, self._medians, numbers), missing[:, self._marked].float()]
        for index, one in enumerate(self.times):
            parts.append(torch.from_numpy(one.encode_numbers(days[:, index].numpy()).features))
        if self.categories:
            indices = states.long()
            named = torch.zeros(len(states), self._n_named + 1)
            places = [place[indices[:, index]] for index, place in enumerate(self._places)]
            named.scatter_(1, torch.stack(places, dim=1), 1.0)
            for place, index in self._shares:
                named[:, place] = torch.from_numpy(self.states[index].shares)[indices[:, index]]
            parts.append(named[:, :-1])
        return torch.cat(parts, dim=1).index_select(1, self._order)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompactRows:
    """The labelled rows of a table, in random order.

    Args:
        make: Makes features of them.
        numbers: Standardized, NaN where missing, float32 ``[row, number]``.
        days: NaN where missing, float64 ``[row, time]``.
        states: int16 ``[row, category]``.
        targets: As `TargetColumn.encode` gives them, NaN where there is no label, float32 ``[row, target]``.
        classes: The targets that are classes, by position.
        indices: Where each row is in the table, whole numbers ``[row]``.
        groups: A number for the group of each row, where there are groups, int32 ``[row]``.
        times: Numbers that order the rows, where there is a time, float64 ``[row]``.
        weights: How much each row counts, with mean 1, where that was asked, float32 ``[row]``.
        folds: A number for the fold of each row, where a column tells it, int32 ``[row]``; -1 for none.
    """

    make: FeatureMaker
    numbers: Tensor
    days: Tensor
    states: Tensor
    targets: Tensor
    indices: np.ndarray
    classes: frozenset[int] = frozenset()
    groups: np.ndarray | None = None
    times: np.ndarray | None = None
    weights: Tensor | None = None
    folds: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def inputs(self, rows: Tensor) -> Tensor:
        """Return the features of some rows, given by position: float32 ``[row, feature]``."""
        return self.make(
            self.numbers.index_select(0, rows),
            self.days.index_select(0, rows),
            self.states.index_select(0, rows),
        )

    def fingerprint(self) -> str:
        """Hash columns and contents, as a sha256 in hexadecimal."""
        names = [one.name for one in (*self.make.numbers, *self.make.times, *self.make.categories)]
        digest = hashlib.sha256(json.dumps(["compact", len(self), names]).encode())
        parts = [self.numbers, self.days, self.states, self.targets]
        parts += [] if self.weights is None else [self.weights[:, None]]
        for part in parts:
            for piece in part.split(_HASHED_AT_ONCE) if part.numel() else ():
                digest.update(piece.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def row_hashes(self, rows: slice | np.ndarray) -> np.ndarray:
        """Hash the features of some rows, uint64 ``[row]``: equal for rows that are equal in all of them."""
        mixed = np.zeros(len(self.targets[rows]), dtype=np.uint64)
        views = (self.numbers[rows].numpy().view(np.uint32), self.days[rows].numpy().view(np.uint64),
                 self.states[rows].numpy().view(np.uint16))  # fmt: skip
        for view in views:
            for column in view.T:
                mixed = (mixed ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
                mixed ^= mixed >> np.uint64(29)
        return mixed
