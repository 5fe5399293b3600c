"""The rows on which importance is measured: all that have labels, or a random sample of many."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import DataWarning
from polytask.core.random import numpy_generator
from polytask.data.tables.large_table import LargeTable, open_table
from polytask.data.tables.target_column import TargetColumn
from polytask.estimators.table_evaluation import LabelledRows, check_labels, columns_of_use, frame_labels
from polytask.models.table_model import TableModel
from polytask.models.task_table_model import TaskTableModel

__all__ = ["SAMPLE_ROWS", "SampledRows", "sampled_rows"]

SAMPLE_ROWS = 20_000
"""Rows with a label of each target that importance is measured on, unless asked otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampledRows:
    """Rows of a table with labels.

    Args:
        rows: The rows.
        n_table: How many rows the table has.
    """

    rows: LabelledRows
    n_table: int

    @property
    def counts(self) -> dict[str, int]:
        """How many rows there are, and of how many."""
        return {"measured": len(self.rows.frame), "table": self.n_table}


def sampled_rows(
    model: TableModel | TaskTableModel, table: Any, *, sample_rows: int | None, seed: int, stacklevel: int
) -> SampledRows:
    """Read a table, or so many of its rows that every target has a sample of its labels.

    Rows are drawn at random and without replacement; targets that have labels in the same rows share them. A
    target is judged by its own sample alone. A table of more than a million rows is gone through twice: for
    its labels, and for the rows of the sample.

    Args:
        model: The model.
        table: As for `evaluate_table`.
        sample_rows: How many labels of each target are enough; None for `SAMPLE_ROWS`, which is told.
        seed: Decides which.
        stacklevel: Whose line warnings point at; 2 for the caller's.

    Raises:
        DataError: The table has no label of any target, or one that the model does not know.
    """
    opened = open_table(table)
    known = _known(model, opened)
    chosen = {
        name: _chosen(there, SAMPLE_ROWS if sample_rows is None else sample_rows, seed)
        for name, there in known.items()
    }
    if all(bool((chosen[name] == there).all()) for name, there in known.items()):
        if isinstance(opened, pd.DataFrame):
            return SampledRows(rows=frame_labels(model, opened), n_table=len(opened))
    elif sample_rows is None:
        _tell(len(opened), stacklevel=stacklevel + 1)
    indices = np.flatnonzero(np.logical_or.reduce(list(chosen.values())))
    if isinstance(opened, pd.DataFrame):
        frame = opened.iloc[indices]
    else:
        frame = opened.rows(indices, columns_of_use(model))
    rows = frame_labels(model, frame, only={name: _at(one, indices) for name, one in chosen.items()})
    return SampledRows(rows=rows, n_table=len(opened))


def _known(model: TableModel | TaskTableModel, table: pd.DataFrame | LargeTable) -> dict[str, np.ndarray]:
    """Tell which rows have a label of which target, bool ``[row]``; labels are read on the way."""
    if isinstance(table, pd.DataFrame):
        labels = frame_labels(model, table).labels
        return {name: mask.numpy() for name, mask in labels.masks.items()}
    targets: Mapping[str, TargetColumn] = {
        target.task.name: target for target in model.targets if target.task.name in table.names
    }
    check_labels(model, list(targets))
    parts: dict[str, list[np.ndarray]] = {name: [] for name in targets}
    n_read = 0
    for piece in table.pieces(list(targets)):
        for name, target in targets.items():
            parts[name].append(target.encode(piece[name], first=n_read)[1].numpy())
        n_read += len(piece)
    known = {name: np.concatenate(one) for name, one in parts.items()}
    check_labels(model, [name for name, one in known.items() if one.any()])
    return known


def _chosen(known: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Choose rows with a label: those that draw the lowest numbers, the same draw for all targets."""
    labelled = np.flatnonzero(known)
    if len(labelled) <= most:
        return known
    drawn = numpy_generator(seed, "importance rows").random(len(known), dtype=np.float32)[labelled]
    chosen = np.zeros_like(known)
    chosen[labelled[np.argpartition(drawn, most - 1)[:most]]] = True
    return chosen


def _at(chosen: np.ndarray, indices: np.ndarray) -> Tensor:
    return torch.from_numpy(chosen[indices])


def _tell(n_rows: int, *, stacklevel: int) -> None:
    warnings.warn(
        f"Importance is measured on {SAMPLE_ROWS:,} rows with a label of each target, drawn at random from "
        f"the {n_rows:,} rows of the table. Ask for more, or fewer, by `sample_rows`.",
        DataWarning,
        stacklevel=stacklevel,
    )
