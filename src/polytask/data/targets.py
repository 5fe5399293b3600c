"""Columns of a table as tasks."""

from collections import Counter
from collections.abc import Sequence
from typing import cast, get_args

import numpy as np
import pandas as pd

from polytask.core import DataError, InputError, Task, TaskKind
from polytask.data.column import (
    column_categories,
    column_kind,
    column_numbers,
    one_column,
    read_number,
    spell,
)
from polytask.data.problems import examples, problem_error, some_rows
from polytask.data.target_column import TargetColumn

__all__ = ["fit_targets", "parse_target"]

_MOST_CLASSES = 1000
_FEW_CLASSES = 10
_LARGEST = float(np.finfo(np.float32).max)


def parse_target(text: str) -> tuple[str, TaskKind | None]:
    """Split ``NAME`` or ``NAME:KIND``; a colon before anything else is part of the name.

    Example:
        >>> parse_target("sex:binary"), parse_target("sex"), parse_target("Jitter:RAP")
        (('sex', 'binary'), ('sex', None), ('Jitter:RAP', None))
    """
    name, colon, kind = text.rpartition(":")
    if colon and kind in get_args(TaskKind):
        return name, cast(TaskKind, kind)
    return text, None


def fit_targets(
    frame: pd.DataFrame, targets: Sequence[str], *, train_rows: np.ndarray
) -> tuple[TargetColumn, ...]:
    """Turn columns into tasks.

    Where no kind is given: text, truth values and categories are binary with two classes, else multiclass;
    numbers are binary with two different values, multiclass if all are whole and at most ten differ, else
    regression. Kind and classes come from all rows, mean and scale from the training rows.

    Args:
        frame: A table, as `read_table` returns it.
        targets: ``NAME`` or ``NAME:KIND`` with kind regression, binary or multiclass.
        train_rows: Positions of the training rows.

    Raises:
        DataError: Targets cannot be learned; all problems of all targets are listed, each with its remedy.

    Example:
        >>> table = pd.DataFrame({"mass": [3.5, 4.0, 4.5], "sex": ["f", "m", None]})
        >>> mass, sex = fit_targets(table, ["mass", "sex"], train_rows=np.arange(3))
        >>> mass.task.kind, mass.mean, sex.task.kind, sex.classes
        ('regression', 4.0, 'binary', ('f', 'm'))
    """
    if not targets:
        raise InputError("`targets` is empty; name at least one column.")
    in_training = np.zeros(len(frame), dtype=bool)
    in_training[train_rows] = True
    wanted = [parse_target(text) for text in targets]
    counts = Counter(name for name, _ in wanted)
    problems = [
        f"Target {name!r} is asked {count} times; name every target once."
        for name, count in counts.items()
        if count > 1
    ]
    fitted = []
    for name, kind in dict(wanted).items():
        try:
            fitted.append(_fit_target(_target_column(frame, name), name, kind, in_training))
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise problem_error(problems)
    return tuple(fitted)


def _target_column(frame: pd.DataFrame, name: str) -> pd.Series:
    before, colon, after = name.rpartition(":")
    if colon and name not in frame.columns and before in frame.columns:
        raise DataError(
            f"There is no column {name!r}, and {after!r} is no kind. Ask for {before!r} with regression, "
            "binary or multiclass."
        )
    return one_column(frame, name)


def _fit_target(column: pd.Series, name: str, kind: TaskKind | None, in_training: np.ndarray) -> TargetColumn:
    """Fit one target.

    Raises:
        DataError: It cannot be learned.
    """
    where = f"Target {name!r}"
    _check_name_and_kind(where, name, kind)
    holds = column_kind(column)
    if holds == "time":
        raise DataError(f"{where} holds times. Turn it into a number, e.g. days since the first one.")
    labelled = column.notna().to_numpy(dtype=bool)
    if not labelled.any():
        raise DataError(f"{where} has no label at all. Fill the column, or leave the target out.")
    if not (labelled & in_training).any():
        raise DataError(
            f"{where} has no label in the training rows, only {labelled.sum()} elsewhere. Label more rows, "
            "or leave the target out."
        )
    if holds == "number" or (holds == "boolean" and kind == "regression"):
        _check_finite(where, column_numbers(column))
    kind = kind or _infer_kind(column, numeric=holds == "number")
    if kind == "regression":
        return _fit_regression(column, where, in_training)
    return _fit_classes(column, where, kind, in_training)


def _check_name_and_kind(where: str, name: str, kind: TaskKind | None) -> None:
    if not name:
        raise DataError(f"{where} has no name. Name its column.")
    if kind == "multilabel":
        raise DataError(
            f"{where} is asked as multilabel, but a column holds one label a row. Ask for one binary target "
            "a label."
        )


def _infer_kind(column: pd.Series, *, numeric: bool) -> TaskKind:
    if not numeric:
        return "binary" if len(_classes(column_categories(column))) == 2 else "multiclass"
    numbers = column_numbers(column)
    distinct = np.unique(numbers[~np.isnan(numbers)])
    if len(distinct) == 2:
        return "binary"
    return "multiclass" if len(distinct) <= _FEW_CLASSES and (distinct % 1 == 0).all() else "regression"


def _fit_regression(column: pd.Series, where: str, in_training: np.ndarray) -> TargetColumn:
    try:
        numbers = column_numbers(column)
    except DataError as error:
        raise DataError(
            f"{where} is asked as regression. {error} Or ask for {f'{column.name}:multiclass'!r}."
        ) from error
    _check_finite(where, numbers)
    known = numbers[in_training & ~np.isnan(numbers)]
    mean, scale = float(known.mean()), float(known.std())
    # A sum of many equal numbers is off by some rounding, so that their deviation need not be 0.
    if len(np.unique(known)) == 1 or scale <= 1e-14 * abs(mean):
        raise DataError(_constant(where, spell(known[0])))
    farthest = float(np.nanmax(np.abs((numbers - mean) / scale)))
    if farthest > _LARGEST:
        raise DataError(
            f"{where} has a value {farthest:.0e} standard deviations off. Correct it, or leave it empty."
        )
    task = Task(name=str(column.name), kind="regression")
    return TargetColumn(task=task, classes=(), mean=mean, scale=scale)


def _fit_classes(column: pd.Series, where: str, kind: TaskKind, in_training: np.ndarray) -> TargetColumn:
    texts = column_categories(column)
    counts = Counter(text for text in texts if text is not None)
    n_labels = counts.total()
    classes = _classes(texts)
    if len(classes) == 1:
        raise DataError(_constant(where, classes[0]))
    if len(classes) > _MOST_CLASSES or (len(classes) > _FEW_CLASSES and len(classes) > n_labels / 2):
        raise DataError(
            f"{where} has {len(classes)} classes in {n_labels} labelled rows. Ask for "
            f"{f'{column.name}:regression'!r} if it is a number, or leave it out if it tells rows apart."
        )
    problems = []
    if kind == "binary" and len(classes) != 2:
        problems.append(
            f"{where} is asked as binary but has {len(classes)} classes: {examples(classes)}. Ask for "
            f"{f'{column.name}:multiclass'!r}, or merge classes."
        )
    trained = set(texts[in_training])
    untrained = [name for name in classes if name not in trained]
    if untrained:
        n_rows = sum(counts[name] for name in untrained)
        problems.append(
            f"{where}: class {examples(untrained)} has no row in training, but {n_rows} elsewhere. Add rows "
            "of it, merge it with another class, or empty these labels."
        )
    if problems:
        raise DataError(" ".join(problems))
    n_outputs = 1 if kind == "binary" else len(classes)
    task = Task(name=str(column.name), kind=kind, n_outputs=n_outputs, labels=classes)
    return TargetColumn(task=task, classes=classes)


def _classes(texts: np.ndarray) -> tuple[str, ...]:
    """List the classes: numbers by value, before text."""

    def key(name: str) -> tuple[bool, float, str]:
        number = read_number(name)
        return (True, 0.0, name) if number is None else (False, number, name)

    return tuple(sorted({text for text in texts if text is not None}, key=key))


def _check_finite(where: str, numbers: np.ndarray) -> None:
    n_rows = int((np.abs(numbers) > _LARGEST).sum())
    if n_rows:
        raise DataError(
            f"{where} is infinite or beyond 3.4e38 in {some_rows(n_rows)}. Correct these values, or leave "
            "them empty."
        )


def _constant(where: str, value: str) -> str:
    return (
        f"{where} is always {value!r} in the training rows, so there is nothing to learn. Leave it out, or "
        "add rows with other values."
    )
