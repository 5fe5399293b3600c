"""From a table to encoded rows and the folds by which they are trained on and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
import torch

from polytask.core import Batch, DataError, InputError, Task
from polytask.core.memory_budget import free_bytes
from polytask.core.names import counted
from polytask.data import TableEncoder, check_leak
from polytask.data.tables.column import column_categories, column_numbers
from polytask.data.tables.compact_rows import CompactRows
from polytask.data.tables.folds import Fold
from polytask.data.tables.label_split import Labels
from polytask.data.tables.problems import examples, problem_error, some_rows
from polytask.data.tables.splits import Split, row_groups, row_order_values
from polytask.data.tables.target_column import TargetColumn
from polytask.data.tables.target_labels import split_labels, target_messages
from polytask.data.tables.targets import fit_targets
from polytask.fitting.large_folds import DealtRows
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_folds import deal_folds
from polytask.fitting.task_draws import TaskDraws
from polytask.models.text_vectors import provide_pretrained_texts

__all__ = ["LargeRows", "PreparedTable", "labelled_rows", "prepare_table", "unfolded_message"]


_COPIES = 2  # of features that are there at once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LargeRows:
    """All rows of a table that is read in pieces: those that networks are trained on.

    Args:
        rows: The rows with at least one label.
        dealt: The folds.
    """

    rows: CompactRows
    dealt: DealtRows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedTable:
    """A table encoded, and the folds by which its rows are trained on and judged.

    The constants of the features, which no label enters, come from all labelled rows.

    Args:
        encoder: Encodes the features.
        targets: Encode and decode the targets.
        rows: The rows with at least one label.
        indices: Their places in the table, int64 ``[row]``.
        repeats: The folds, each dealt anew; indices among ``rows``.
        groups: A number for the group of each row, where there are groups.
        times: Numbers that order the rows, where there is a time.
        weights: How much each row counts, where that was asked.
        target_weights: How much each target counts in the loss of what is shared, where that was asked.
        curriculum: How that changes from epoch to epoch, see `polytask.fitting.target_curriculum`.
        draws: By which law rows are drawn, where that was asked; the weights of rows then judge alone.
        given_folds: Whether the folds were given, so that what is new is all of a fold.
        messages: What was noteworthy.
        large: All rows, where the table is read in pieces; then all of the above is about a sample of them,
            by which the model is judged.
    """

    encoder: TableEncoder
    targets: tuple[TargetColumn, ...]
    rows: Batch
    indices: np.ndarray
    repeats: tuple[tuple[Fold, ...], ...]
    groups: np.ndarray | None = None
    times: np.ndarray | None = None
    weights: torch.Tensor | None = None
    target_weights: Mapping[str, float] = field(default_factory=dict)
    curriculum: str | None = None
    draws: TaskDraws | None = None
    given_folds: bool = False
    messages: tuple[str, ...] = ()
    large: LargeRows | None = None

    @property
    def n_labelled(self) -> int:
        """How many rows of the table have a label."""
        return len(self.rows) if self.large is None else len(self.large.rows)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks."""
        return tuple(target.task for target in self.targets)

    @property
    def class_weights(self) -> dict[str, tuple[float, ...]]:
        """How much each class counts, of the targets where that was asked."""
        return {target.task.name: target.class_weights for target in self.targets if target.class_weights}

    @property
    def fold_indices(self) -> np.ndarray:
        """The indices in the table of all rows of all folds, by which two ways of dealing differ."""
        folds = [fold for dealt in self.repeats for fold in dealt]
        parts = [part for fold in folds for part in (fold.train, fold.held_out)]
        return np.concatenate([self.indices[part] for part in parts])

    @property
    def numbers(self) -> list[int]:
        """The features that are numbers: neither categories nor marks of what is missing."""
        places, start = [], 0
        for encoding in self.encoder.encodings:
            places += [start] * (encoding.kind in ("number", "time"))
            start += len(encoding.feature_names)
        return places


def prepare_table(
    frame: pd.DataFrame, columns: Columns, *, folds: Any = None, repeats: int = 1, seed: int
) -> PreparedTable:
    """Encode a table, and deal its labelled rows into folds.

    Args:
        frame: A table, as `read_table` returns it.
        columns: What its columns are.
        folds: How many (see `deal_folds`), or what `folds_by_splitter` takes; indices are those in the
            table, and rows without any label are left out of them. A splitter gets the labels of the first
            target.
        repeats: How often rows are dealt anew.
        seed: Decides the folds.

    Raises:
        DataError: The table cannot be used; the message names column, problem and remedy.
    """
    if columns.fold is not None and folds is not None:
        raise InputError("Give either `folds` or `fold_column`: a column has as many folds as values.")
    features = columns.features(frame)
    labels = split_labels(frame, columns.targets)
    _check_units(frame, labels, columns)
    indices = labelled_rows(labels, len(frame))
    targets = fit_targets(frame, columns.targets, train_rows=indices)
    messages = target_messages(frame, targets, asked=columns.targets)
    provide_pretrained_texts()
    encoder = TableEncoder.fit(frame, columns=features, train_rows=indices, text_encoder=columns.text_encoder)
    _check_memory(len(frame), encoder)
    inputs, report = encoder.transform(frame)
    encoded = {target.task.name: target.encode(frame[target.task.name]) for target in targets}
    everything = Batch(
        inputs=inputs,
        targets={name: values for name, (values, _) in encoded.items()},
        masks={name: mask for name, (_, mask) in encoded.items()},
    )
    rows = everything.rows(torch.from_numpy(indices))
    groups = None
    if columns.group is not None:
        groups = row_groups(frame[columns.group].iloc[indices], unit=columns.unit)[0]
    times = None if columns.time is None else row_order_values(frame[columns.time].iloc[indices])
    dealt = deal_folds(
        frame,
        indices,
        rows,
        targets,
        group=columns.group,
        time=columns.time,
        column=columns.fold,
        folds=folds,
        repeats=repeats,
        seed=seed,
    )
    messages += _unfolded(frame, columns.fold, indices)
    if len(dealt[0]) == 1:
        messages.append(
            "The rows that judge the model also decide when each target stops, as there is one fold: the "
            "figures flatter it a little."
        )
    if not columns.of_tasks:
        messages += _leaks(frame, indices, columns, features, dealt[0])
    return PreparedTable(
        encoder=encoder,
        targets=targets,
        rows=rows,
        indices=indices,
        repeats=dealt,
        groups=groups,
        times=times,
        weights=None if columns.weight is None else _weights(frame, columns.weight, indices, rows),
        given_folds=columns.fold is not None or not isinstance(folds, Number | None),
        messages=(*messages, *report.messages()),
    )


def _check_memory(n_rows: int, encoder: TableEncoder) -> None:
    """Refuse features that would end in the system's killing of the process."""
    n_bytes, free = _COPIES * 4 * n_rows * encoder.n_features, free_bytes(torch.device("cpu"))
    if n_bytes > free:
        raise DataError(
            f"The {n_rows:,} rows have {encoder.n_features} features each, which take "
            f"{n_bytes / 2**30:.1f} GiB of memory at once, but {free / 2**30:.1f} GiB are free. Leave out "
            "columns by `drop`, give fewer rows, or use a machine with more memory."
        )


def _unfolded(frame: pd.DataFrame, column: str | None, indices: np.ndarray) -> list[str]:
    """Tell how many labelled rows have no value of the fold column."""
    texts = [] if column is None else column_categories(frame[column].iloc[indices])
    return unfolded_message(sum(text is None for text in texts), column)


def unfolded_message(n_free: int, column: str | None) -> list[str]:
    """Tell how many labelled rows have no value of the fold column; nothing where all have one."""
    if not n_free:
        return []
    verb = "has" if n_free == 1 else "have"
    return [
        f"{some_rows(n_free)} with a label {verb} no value of {column!r}, the fold column, and so train in "
        "every fold and are judged in none."
    ]


def _weights(frame: pd.DataFrame, name: str, indices: np.ndarray, rows: Batch) -> torch.Tensor:
    """Read how much each row counts; the mean becomes 1."""
    values = column_numbers(frame[name])[indices]
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise DataError(
            f"The column {name!r} of `weight_column` needs a number of 0 or more in every labelled row, and "
            "one above 0. Fill or mend it."
        )
    weightless = [task for task, mask in rows.masks.items() if not values[mask.numpy().reshape(-1)].any()]
    if weightless:
        raise DataError(
            f"All labels of {examples(weightless)} have a weight of 0 in {name!r} of `weight_column`. Raise "
            "some, or leave the target out."
        )
    return torch.from_numpy(values / values.mean()).float()


def _leaks(
    frame: pd.DataFrame,
    indices: np.ndarray,
    columns: Columns,
    features: Sequence[str],
    folds: Sequence[Fold],
) -> list[str]:
    """Look for rows of a fold that are in its training rows, too."""
    first = folds[-1]  # with time, the one that is trained on most
    split = Split(
        train=indices[first.train],
        validation=np.zeros(0, dtype=np.int64),
        test=indices[first.held_out],
    )
    by_column = {"group": columns.group, "time": columns.time}
    return check_leak(frame, split, **by_column, columns=features)


def labelled_rows(labels: Mapping[str, Labels], n_rows: int) -> np.ndarray:
    """Return the rows with a label of any target; all rows where the targets themselves are wrong."""
    labelled = np.zeros(n_rows, dtype=bool)
    for target in labels.values():
        labelled |= target.codes >= 0
    rows = np.flatnonzero(labelled)
    return rows if len(rows) else np.arange(n_rows)


def _check_units(frame: pd.DataFrame, labels: Mapping[str, Labels], columns: Columns) -> None:
    """Refuse targets that have labels in one group, or at one time, alone."""
    if columns.group is not None:
        column, setting, preposition, unit = columns.group, columns.group_setting, "in", columns.unit
    elif columns.time is not None:
        column, setting, preposition, unit = columns.time, "time_column", "at", "time"
    else:
        return
    units = column_categories(frame[column])
    problems = []
    for name, target in labels.items():
        n_units = len(set(units[target.codes >= 0]) - {None})
        if n_units < 2:
            problems.append(
                f"Target {name!r} has labels {preposition} {counted(n_units, unit)} of {column!r} only, but "
                f"a model is judged on another {unit} than it was trained on. Label rows of more {unit}s, "
                f"leave out `{setting}`, or leave out the target."
            )
    if problems:
        raise problem_error(problems)
