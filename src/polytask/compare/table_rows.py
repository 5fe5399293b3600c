"""The rows that a candidate is trained on or predicts: encoded features, and labels of some targets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, InputError, Task
from polytask.data import TableEncoder
from polytask.data.tables.folds import Fold, folds_in_time, folds_of_groups, folds_of_rows
from polytask.data.tables.target_column import TargetColumn
from polytask.fitting.table_folds import fold_labels
from polytask.fitting.table_preparation import PreparedTable

__all__ = ["TableRows"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableRows:
    """Rows of a table, as candidates see them.

    Args:
        batch: Features ``[row, feature]``; targets and masks by name, numbers standardized, classes as
            indices.
        targets: What is asked.
        encoder: What the features are.
        groups: A number for the group of each row, where there are groups.
        times: Numbers that order the rows, where there is a time.
        weights: How much each row counts, where that was asked.
    """

    batch: Batch
    targets: tuple[TargetColumn, ...]
    encoder: TableEncoder
    groups: np.ndarray | None = None
    times: np.ndarray | None = None
    weights: np.ndarray | None = None

    @classmethod
    def of(cls, prepared: PreparedTable) -> "TableRows":
        """Take the rows of a table that is prepared; its folds are left."""
        return cls(
            batch=prepared.rows,
            targets=prepared.targets,
            encoder=prepared.encoder,
            groups=prepared.groups,
            times=prepared.times,
            weights=None if prepared.weights is None else prepared.weights.numpy(),
        )

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The targets as tasks."""
        return tuple(target.task for target in self.targets)

    @property
    def features(self) -> np.ndarray:
        """Features without gaps, categories one by one: float32 ``[row, feature]``."""
        return cast(Tensor, self.batch.inputs).numpy()

    @property
    def known_groups(self) -> np.ndarray:
        """The number of each row's group; the tasks of a table with a task column.

        Raises:
            InputError: The table has none.
        """
        if self.groups is None:
            raise InputError("These rows belong to no tasks: name a task column.")
        return self.groups

    @property
    def gappy_features(self) -> tuple[np.ndarray, list[int]]:
        """A column for each of the table's, NaN where missing; and which are indices of categories.

        Returns:
            Float32 ``[row, column]``, and positions of columns.
        """
        columns, categorical, start = [], [], 0
        for index, encoding in enumerate(self.encoder.encodings):
            stop = start + len(encoding.feature_names)
            part = self.features[:, start:stop]
            start = stop
            if encoding.kind == "category":
                part = part[:, : len(encoding.categories)]
                named = part.any(1) if part.shape[1] else np.zeros(len(part), dtype=bool)
                codes = part.argmax(1) if part.shape[1] else np.zeros(len(part))
                columns.append(np.where(named, codes, np.nan))
                categorical.append(index)
            else:
                columns.append(
                    np.where(part[:, -1] == 1, np.nan, part[:, 0]) if part.shape[1] > 1 else part[:, 0]
                )
        return np.stack(columns, axis=1).astype(np.float32), categorical

    def labels(self, name: str) -> np.ndarray:
        """Return the labels of a target, float64 ``[row]``; NaN where there is none."""
        known = self.batch.masks[name].numpy()
        return np.where(known, self.batch.targets[name].numpy().astype(np.float64), np.nan)

    def rows(self, index: np.ndarray) -> "TableRows":
        """Return some rows, by position."""
        return replace(
            self,
            batch=self.batch.rows(torch.from_numpy(index)),
            groups=None if self.groups is None else self.groups[index],
            times=None if self.times is None else self.times[index],
            weights=None if self.weights is None else self.weights[index],
        )

    def labelled(self, names: Sequence[str]) -> np.ndarray:
        """Return the positions of the rows with a label of one of some targets."""
        return np.flatnonzero(torch.stack([self.batch.labelled(name) for name in names]).any(0).numpy())

    def only(self, names: Sequence[str]) -> "TableRows":
        """Ask for some of the targets alone, of the rows that have a label of one of them."""
        kept = self.rows(self.labelled(names))
        asked = tuple(target for target in self.targets if target.task.name in names)
        return replace(kept, targets=asked, batch=kept.batch.only(list(names)))

    def folds(self, n_folds: int, *, seed: int) -> tuple[Fold, ...]:
        """Deal these rows into folds as the whole table was: by group, forward in time, or by labels.

        Raises:
            DataError: There are too few rows, groups or times.
        """
        import pandas as pd

        if self.times is not None:
            return folds_in_time(pd.Series(self.times, name="time"), n_folds=n_folds)
        labels = [fold_labels(target, self.batch) for target in self.targets]
        if self.groups is not None:
            groups = pd.Series(self.groups, name="group")
            return folds_of_groups(groups, n_folds=n_folds, seed=seed, labels=labels)
        return folds_of_rows(len(self), n_folds=n_folds, seed=seed, labels=labels)

    def prepared(self, folds: Sequence[Sequence[Fold]]) -> PreparedTable:
        """Return these rows as what networks are fitted on."""
        return PreparedTable(
            encoder=self.encoder,
            targets=self.targets,
            rows=self.batch,
            indices=np.arange(len(self)),
            repeats=tuple(tuple(repeat) for repeat in folds),
            groups=self.groups,
            times=self.times,
            weights=None if self.weights is None else torch.from_numpy(self.weights).float(),
        )
