"""From a table to training, validation and test batches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from polytask.core import Batch, DataError, Task
from polytask.data import (
    Split,
    TableEncoder,
    TargetColumn,
    check_leak,
    fit_targets,
    parse_target,
    split_groups,
    split_rows,
    split_time,
)

__all__ = ["Columns", "Prepared", "prepare"]

_FEW = 20  # values of a target up to which a split keeps their shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The roles of a table's columns.

    Args:
        targets: As ``NAME`` or ``NAME:KIND``.
        group: Rows with one value of it stay on one side of a split.
        time: Training rows come before test rows.
        drop: Not used at all.
    """

    targets: tuple[str, ...]
    group: str | None = None
    time: str | None = None
    drop: tuple[str, ...] = ()

    def features(self, frame: pd.DataFrame) -> list[str]:
        """Return the columns that remain as features.

        Raises:
            DataError: A named column does not exist, or both a group and a time are given.
        """
        roles = {"group": self.group, "time": self.time}
        named = [(role, name) for role, name in roles.items() if name is not None]
        named += [("drop", name) for name in self.drop]
        unknown = [f"`{role}` {name!r}" for role, name in named if name not in frame.columns]
        if unknown:
            columns = ", ".join(map(str, frame.columns))
            raise DataError(f"No column fits {', '.join(unknown)}; the table has {columns}.")
        if self.group is not None and self.time is not None:
            raise DataError("Give either `group` or `time`: a split follows one of them.")
        used = {parse_target(text)[0] for text in self.targets} | {name for _, name in named}
        return [column for column in frame.columns if column not in used]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A table encoded for one seed; everything fitted saw the training rows only.

    Args:
        encoder: Encodes the features.
        targets: Encode and decode the targets.
        train: Rows with at least one label.
        validation: For early stopping.
        test: Never seen by training.
        messages: What was noteworthy.
    """

    encoder: TableEncoder
    targets: tuple[TargetColumn, ...]
    train: Batch
    validation: Batch
    test: Batch
    messages: tuple[str, ...]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks."""
        return tuple(target.task for target in self.targets)

    @property
    def scales(self) -> dict[str, float]:
        """Units of each target that one unit of its prediction stands for."""
        return {target.task.name: target.scale for target in self.targets}


def prepare(frame: pd.DataFrame, columns: Columns, *, seed: int) -> Prepared:
    """Split a table and encode it.

    Raises:
        DataError: The table cannot be used; the message names column, problem and remedy.
    """
    features = columns.features(frame)
    labelled = _labelled_rows(frame, columns)
    split = _split(frame.iloc[labelled], columns, seed)
    parts = {name: labelled[getattr(split, name)] for name in ("train", "validation", "test")}
    whole = Split(**parts)
    messages = check_leak(frame, whole, group=columns.group, time=columns.time, columns=features)
    targets = fit_targets(frame, columns.targets, train_rows=whole.train)
    encoder = TableEncoder.fit(frame, columns=features, train_rows=whole.train)
    inputs, report = encoder.transform(frame)
    encoded = {target.task.name: target.encode(frame[target.task.name]) for target in targets}
    everything = Batch(
        inputs=inputs,
        targets={name: values for name, (values, _) in encoded.items()},
        masks={name: mask for name, (_, mask) in encoded.items()},
    )
    batches = {name: everything.rows(torch.from_numpy(rows)) for name, rows in parts.items()}
    _check_labels(targets, batches)
    return Prepared(encoder=encoder, targets=targets, messages=(*messages, *report.messages()), **batches)


def _labelled_rows(frame: pd.DataFrame, columns: Columns) -> np.ndarray:
    """Return the rows with a label of any target; all rows where the targets themselves are wrong."""
    names = [parse_target(text)[0] for text in columns.targets]
    known = [name for name in names if name in frame.columns]
    rows = np.flatnonzero(frame[known].notna().any(axis=1).to_numpy()) if known else np.arange(0)
    return rows if len(rows) else np.arange(len(frame))


def _split(frame: pd.DataFrame, columns: Columns, seed: int) -> Split:
    if columns.group is not None:
        return split_groups(frame[columns.group], fractions=(0.6, 0.2, 0.2), seed=seed)
    if columns.time is not None:
        return split_time(frame[columns.time], fractions=(0.6, 0.2, 0.2))
    return split_rows(len(frame), seed=seed, stratify=_strata(frame, columns))


def _strata(frame: pd.DataFrame, columns: Columns) -> pd.Series | None:
    """Join the values of targets with few of them, and whether the others have a label.

    So a rare class has a row in training, and a sparsely labelled target has labels in every part.
    """
    names = [parse_target(text)[0] for text in columns.targets]
    spelled = [_spelled(frame[name]) for name in names if name in frame.columns]
    if not spelled:
        return None  # unknown targets; `fit_targets` will say so
    joined = pd.Series(["|".join(values) for values in zip(*spelled, strict=True)], index=frame.index)
    return joined if joined.nunique() <= len(frame) / 5 else pd.Series(spelled[0], index=frame.index)


def _spelled(column: pd.Series) -> list[str]:
    few = column.nunique() <= _FEW
    if pd.api.types.is_numeric_dtype(column) and 2 * column.nunique() > column.count():
        few = False  # measured numbers of few rows: as classes, nearly all of them would go to training
    return ["" if pd.isna(value) else str(value) if few else "labelled" for value in column]


def _check_labels(targets: Sequence[TargetColumn], batches: dict[str, Batch]) -> None:
    empty = [
        f"{target.task.name!r} has no label in the {part} rows"
        for target in targets
        for part, batch in batches.items()
        if not batch.n_labels(target.task.name)
    ]
    if empty:
        raise DataError("; ".join(empty) + ". Label more rows, or leave the target out.")
