"""From a table to training, validation and test batches."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import pandas as pd
import torch

from polytask.core import Batch, DataError, InputError, Task
from polytask.core.names import counted
from polytask.core.task import TaskKind
from polytask.data import TableEncoder, check_leak, split_groups, split_rows, split_time
from polytask.data.tables.column import column_categories, column_hint
from polytask.data.tables.label_split import Labels
from polytask.data.tables.problems import problem_error
from polytask.data.tables.splits import Split
from polytask.data.tables.target_column import TargetColumn
from polytask.data.tables.target_labels import label_guesses, split_labels, target_messages
from polytask.data.tables.targets import fit_targets, parse_target

__all__ = ["Columns", "Prepared", "prepare"]

_N_PARTS = 3  # training, validation and test
_MOST_STRATA = 1000  # values of a target up to which a split keeps their shares


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

    @classmethod
    def of(cls, targets: Any, *, group: Any = None, time: Any = None, drop: Any = ()) -> "Columns":
        """Take column names as people write them.

        Args:
            targets: One name, or several in a list, a tuple, an array or a pandas index, each as NAME or
                NAME:KIND; or a dictionary of kinds by name, None for whatever fits. A name that is no text
                stands for the column that is so named in the data frame.
            group: A name.
            time: A name.
            drop: One name, or several.

        Raises:
            InputError: It cannot be understood.
        """
        if isinstance(targets, Mapping):
            wanted = [_asked(name, kind) for name, kind in targets.items()]
        else:
            wanted = _names(targets, "targets")
        if not wanted:
            raise InputError("`targets` is empty; name at least one column.")
        return cls(
            targets=tuple(wanted),
            group=None if group is None else _name(group, "group"),
            time=None if time is None else _name(time, "time_column"),
            drop=() if drop is None else tuple(_names(drop, "drop")),
        )

    def features(self, frame: pd.DataFrame) -> list[str]:
        """Return the columns that remain as features.

        Raises:
            DataError: A named column does not exist, both a group and a time are given, or a target is to be
                dropped.
        """
        roles = {"group": self.group, "time_column": self.time}
        named = [(role, name) for role, name in roles.items() if name is not None]
        named += [("drop", name) for name in self.drop]
        problems = [
            f"`{role}`: there is no column {name!r}; {column_hint(frame, name)}"
            for role, name in named
            if name not in frame.columns
        ]
        if self.group is not None and self.time is not None:
            problems.append("Give either `group` or `time_column`: a split follows one of them.")
        asked = {parse_target(text, frame.columns)[0] for text in self.targets}
        problems += [
            f"`drop`: {name!r} is among the `targets`, too. Take it from one of them."
            for name in dict.fromkeys(self.drop)
            if name in asked
        ]
        if problems:
            raise problem_error(problems)
        used = asked | {name for _, name in named}
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
        guesses: Those of the messages that tell which words were taken for missing values.
    """

    encoder: TableEncoder
    targets: tuple[TargetColumn, ...]
    train: Batch
    validation: Batch
    test: Batch
    messages: tuple[str, ...]
    guesses: tuple[str, ...] = ()

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
    labels = split_labels(frame, columns.targets)
    _check_units(frame, labels, columns)
    labelled = _labelled_rows(labels, len(frame))
    among = [replace(target, codes=target.codes[labelled]) for target in labels.values()]
    split = _split(frame, labelled, columns, among, seed)
    parts = {name: labelled[getattr(split, name)] for name in ("train", "validation", "test")}
    whole = Split(**parts)
    messages = check_leak(frame, whole, group=columns.group, time=columns.time, columns=features)
    targets = fit_targets(frame, columns.targets, train_rows=whole.train)
    messages += target_messages(frame, targets, asked=columns.targets)
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
    strays = [
        encoding.name for encoding in encoder.encodings if encoding.kind != "category" and encoding.words
    ]
    guesses = [
        *label_guesses(frame, targets, asked=columns.targets),
        *(f"Column {name!r}: {encoder.notes[name]}." for name in strays),
    ]
    return Prepared(
        encoder=encoder,
        targets=targets,
        messages=(*messages, *report.messages()),
        guesses=tuple(guesses),
        **batches,
    )


def _asked(name: Any, kind: Any) -> str:
    if kind is not None and kind not in get_args(TaskKind):
        raise InputError(
            f"`targets` asks {name!r} as {kind!r}; use one of {', '.join(get_args(TaskKind))}, or None."
        )
    return _name(name, "targets") + (f":{kind}" if kind else "")


def _names(given: Any, option: str) -> list[str]:
    """Read one name or several."""
    if isinstance(given, np.ndarray) and given.ndim == 0:
        given = given.item()
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        return [_name(given, option)]
    if isinstance(given, set | frozenset):
        given = sorted(given, key=str)
    return [_name(name, option) for name in given]


def _name(given: Any, option: str) -> str:
    """Read a column's name, which is text in a table that was read."""
    if given is None or isinstance(given, pd.DataFrame | pd.Series | list | dict | np.ndarray | bytes):
        raise InputError(
            f"`{option}` takes names of columns, e.g. 'size' or ['size', 'colour'], got "
            f"{type(given).__name__}."
        )
    return str(given)


def _labelled_rows(labels: Mapping[str, Labels], n_rows: int) -> np.ndarray:
    """Return the rows with a label of any target; all rows where the targets themselves are wrong."""
    labelled = np.zeros(n_rows, dtype=bool)
    for target in labels.values():
        labelled |= target.codes >= 0
    rows = np.flatnonzero(labelled)
    return rows if len(rows) else np.arange(n_rows)


def _split(
    frame: pd.DataFrame, rows: np.ndarray, columns: Columns, labels: Sequence[Labels], seed: int
) -> Split:
    if columns.group is not None:
        return split_groups(
            frame[columns.group].iloc[rows], fractions=(0.6, 0.2, 0.2), seed=seed, labels=labels
        )
    if columns.time is not None:
        return split_time(frame[columns.time].iloc[rows], fractions=(0.6, 0.2, 0.2), labels=labels)
    return split_rows(len(rows), seed=seed, stratify=_strata(labels), labels=labels)


def _strata(labels: Sequence[Labels]) -> pd.Series | None:
    """Join the classes of the targets, and whether a row has a label of the others.

    So a rare class has its share of every part, and a sparsely labelled target has labels everywhere.
    """
    if not labels:
        return None  # no target can be learned; `fit_targets` will say so
    n_rows = len(labels[0].codes)
    few = [target.codes if _n_classes(target) <= _MOST_STRATA else (target.codes >= 0) for target in labels]
    joined = pd.Series(pd.factorize(pd.Series(list(zip(*(codes.tolist() for codes in few), strict=True))))[0])
    if joined.nunique() <= n_rows / 5:
        return joined
    first = pd.Series(few[0])
    return first if first.nunique() <= n_rows / 2 else None


def _check_units(frame: pd.DataFrame, labels: Mapping[str, Labels], columns: Columns) -> None:
    """Refuse targets that have labels in fewer groups, or at fewer times, than there are parts."""
    if columns.group is not None:
        column, setting, preposition, unit = columns.group, "group", "in", "group"
    elif columns.time is not None:
        column, setting, preposition, unit = columns.time, "time_column", "at", "time"
    else:
        return
    units = column_categories(frame[column])
    problems = []
    for name, target in labels.items():
        n_units = len(set(units[target.codes >= 0]) - {None})
        if n_units < _N_PARTS:
            problems.append(
                f"Target {name!r} has labels {preposition} {counted(n_units, unit)} of {column!r} only, but "
                f"training, validation and test need one {unit} each. Label rows of more {unit}s, leave out "
                f"`{setting}`, or leave out the target."
            )
    if problems:
        raise problem_error(problems)


def _n_classes(target: Labels) -> int:
    return int(target.codes.max()) + 1


def _check_labels(targets: Sequence[TargetColumn], batches: dict[str, Batch]) -> None:
    empty = [
        f"{target.task.name!r} has no label in the {part} rows"
        for target in targets
        for part, batch in batches.items()
        if not batch.n_labels(target.task.name)
    ]
    if empty:
        raise DataError("; ".join(empty) + ". Label more rows, or leave the target out.")
