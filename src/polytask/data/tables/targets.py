"""Columns of a table as tasks."""

import math
import shlex
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Literal, cast, get_args

import numpy as np
import pandas as pd

from polytask.core import DataError, InputError, Task
from polytask.core.doors import by_door
from polytask.core.task import TaskKind
from polytask.data.tables.cell import canonical, read_number, spell
from polytask.data.tables.column import (
    column_categories,
    column_distinct,
    column_known,
    column_numbers,
    each_by_itself,
    one_column,
)
from polytask.data.tables.number_form import NumberForm
from polytask.data.tables.problems import examples, problem_error, some_rows
from polytask.data.tables.reading import Reading, column_reading
from polytask.data.tables.target_column import Label, TargetColumn, logarithms
from polytask.data.tables.typed_columns import MISSING_WORDS

__all__ = [
    "TargetKind",
    "asked_as",
    "class_values",
    "fit_targets",
    "name_clashes",
    "parse_target",
    "target_reading",
    "target_series",
]

TargetKind = Literal["regression", "log", "binary", "multiclass", "multilabel"]
"""How a target can be asked: as a kind of task, or as a regression that is learned on a log scale."""

_MOST_CLASSES = 1000
_FEW_CLASSES = 10
_LARGEST = float(np.finfo(np.float32).max)


def parse_target(text: str, columns: Collection[str] = ()) -> tuple[str, TargetKind | None]:
    """Split ``NAME`` or ``NAME:KIND``; a colon before anything else is part of the name.

    Args:
        text: What is asked.
        columns: Names of the table; text that is one of them is a name as a whole.

    Example:
        >>> parse_target("sex:binary"), parse_target("sex"), parse_target("Jitter:RAP")
        (('sex', 'binary'), ('sex', None), ('Jitter:RAP', None))
    """
    name, colon, kind = text.rpartition(":")
    if colon and kind in get_args(TargetKind) and text not in columns:
        return name, cast(TargetKind, kind)
    return text, None


def asked_as(name: Any, kind: TargetKind) -> str:
    """Write how a target is asked as a kind.

    Example:
        >>> asked_as("stars", "regression")
        "'stars:regression'"
    """
    text = f"{name}:{kind}"
    return by_door(
        python=repr(text),
        command=f"--target {shlex.quote(text)}",
        estimator=f"kinds={{{str(name)!r}: {kind!r}}}",
    )


def fit_targets(
    frame: pd.DataFrame, targets: Sequence[str], *, train_rows: np.ndarray
) -> tuple[TargetColumn, ...]:
    """Turn columns into tasks.

    Where no kind is given: text, truth values and categories are binary with two classes, else multiclass;
    numbers are binary with two different values, multiclass if all are whole and at most ten differ, else
    regression. Text that spells numbers, each in one way, counts as numbers for that; but a class is named
    and answered by its text. Kind and classes come from all rows, mean and scale from the training rows.

    Args:
        frame: A table, as `read_table` returns it.
        targets: ``NAME`` or ``NAME:KIND`` with kind regression, log, binary or multiclass.
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
    wanted = [parse_target(text, frame.columns) for text in targets]
    counts = Counter(name for name, _ in wanted)
    problems = [
        f"Target {name!r} is asked {count} times; name every target once."
        for name, count in counts.items()
        if count > 1
    ]
    fitted = []
    for name, kind in dict(wanted).items():
        try:
            fitted.append(_fit_target(target_series(frame, name), name, kind, in_training))
        except DataError as error:
            problems.append(str(error) + _words_note(frame, name))
    problems += name_clashes(fitted)
    if problems:
        raise problem_error(problems)
    return tuple(fitted)


def _words_note(frame: pd.DataFrame, name: str) -> str:
    """Tell which words of a target in trouble were read as no label; perhaps they are its classes."""
    words = frame.attrs.get(MISSING_WORDS, {}).get(name, {})
    if not words:
        return ""
    n_rows = some_rows(sum(words.values()))
    return f" ({examples(words)} counts as no label in {n_rows}: rename it if it is a class.)"


def target_reading(column: pd.Series, kind: TargetKind | None) -> tuple[TargetKind, Reading]:
    """Tell what kind of target a column is, and how it is read: which words in it count as no label.

    Args:
        column: The labels, at least one.
        kind: What was asked; None for whatever fits.

    Raises:
        DataError: It holds times, or things that are no labels.
    """
    found = column_reading(column)
    if found.kind == "time":
        raise DataError(
            f"Target {column.name!r} holds times. Turn it into a number, e.g. days since the first one."
        )
    classes = kind in ("binary", "multiclass")
    if classes or (kind is None and found.kind == "number" and _written_in_two_ways(column, found.form)):
        found = Reading(kind="category")
    if found.kind == "number":
        where = f"Target {column.name!r}"
        _check_finite(where, column_numbers(column, words=found.words, form=found.form))
    return kind or _infer_kind(column, found), found


def _written_in_two_ways(column: pd.Series, form: NumberForm | None) -> bool:
    """Tell whether two texts of a column are one number, ``1.1`` and ``1.10``: then they are no numbers."""
    _, values, names = column_distinct(column)
    texts = {name for value, name in zip(values, names, strict=True) if isinstance(value, str)}
    numbers = {form.read(text) if form else canonical(text) for text in texts}
    return len(numbers) < len(texts)


def name_clashes(fitted: Sequence[TargetColumn]) -> list[str]:
    """Find columns of answers, and of their intervals and sets, that two targets would share."""
    names = Counter(target.task.name for target in fitted)
    for target in fitted:
        endings = [*(f"p({name})" for name in target.classes), "set"] if target.classes else ["low", "high"]
        names.update(f"{target.task.name}:{ending}" for ending in endings)
    return [
        f"The answers of two targets would both be called {name!r}. Rename a target or a class."
        for name, count in names.items()
        if count > 1
    ]


def target_series(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return the column of a target.

    Raises:
        DataError: There is none; the message says what may be meant.
    """
    before, colon, after = name.rpartition(":")
    if colon and name not in frame.columns and before in frame.columns:
        raise DataError(
            f"There is no column {name!r}, and {after!r} is no kind. Ask for {before!r} with regression, "
            "log, binary or multiclass."
        )
    if several := each_by_itself(name, list(frame.columns), "targets"):
        raise DataError(f"There is no column {name!r}, but {several}.")
    return one_column(frame, name)


def _fit_target(
    column: pd.Series, name: str, kind: TargetKind | None, in_training: np.ndarray
) -> TargetColumn:
    """Fit one target.

    Raises:
        DataError: It cannot be learned.
    """
    where = f"Target {name!r}"
    _check_name_and_kind(where, name, kind)
    labelled = column_known(column)
    if not labelled.any():
        raise DataError(f"{where} has no label at all. Fill the column, or leave the target out.")
    if not (labelled & in_training).any():
        raise DataError(
            f"{where} has no label in the training rows, only {labelled.sum()} elsewhere. Label more rows, "
            "or leave the target out."
        )
    kind, found = target_reading(column, kind)
    if kind in ("regression", "log"):
        return _fit_regression(column, where, kind, in_training, found)
    return _fit_classes(column, where, kind, in_training)


def _check_name_and_kind(where: str, name: str, kind: TargetKind | None) -> None:
    if not name:
        raise DataError(f"{where} has no name. Name its column.")
    if kind == "multilabel":
        raise DataError(
            f"{where} is asked as multilabel, but a column holds one label a row. Ask for one binary target "
            "a label."
        )


def _infer_kind(column: pd.Series, found: Reading) -> TargetKind:
    if found.kind != "number":
        return "binary" if len(_classes(column_categories(column))) == 2 else "multiclass"
    numbers = column_numbers(column, words=found.words, form=found.form)
    distinct = np.unique(numbers[~np.isnan(numbers)])
    if len(distinct) == 2:
        return "binary"
    return "multiclass" if len(distinct) <= _FEW_CLASSES and (distinct % 1 == 0).all() else "regression"


def _fit_regression(
    column: pd.Series,
    where: str,
    kind: Literal["regression", "log"],
    in_training: np.ndarray,
    found: Reading,
) -> TargetColumn:
    try:
        numbers = column_numbers(column, words=found.words, form=found.form)
    except DataError as error:
        raise DataError(
            f"{where} is asked as {kind}. {error} Or ask for {asked_as(column.name, 'multiclass')}."
        ) from error
    _check_finite(where, numbers)
    values = numbers
    if kind == "log":
        plain = asked_as(column.name, "regression")
        numbers = logarithms(str(column.name), numbers, remedy=f", or ask for {plain}")
    known = numbers[in_training & ~np.isnan(numbers)]
    if not len(known):
        raise DataError(
            f"{where} has no label in the training rows. Label more rows, or leave the target out."
        )
    mean, scale = float(known.mean()), float(known.std())
    # A sum of many equal numbers is off by some rounding, so that their deviation need not be 0.
    if len(np.unique(known)) == 1:
        raise DataError(_constant(where, spell(values[in_training & ~np.isnan(numbers)][0])))
    if scale <= 1e-14 * abs(mean):
        raise DataError(
            f"{where} varies by no more than rounding in the training rows, around {spell(mean)}. Subtract "
            "its mean, or choose another unit."
        )
    farthest = float(np.nanmax(np.abs((numbers - mean) / scale)))
    if farthest > _LARGEST:
        raise DataError(
            f"{where} has a value {farthest:.0e} standard deviations off. Correct it, or leave it empty."
        )
    task = Task(name=str(column.name), kind="regression")
    return TargetColumn(
        task=task,
        classes=(),
        mean=mean,
        scale=scale,
        words=found.words,
        form=found.form,
        log=kind == "log",
    )


def _fit_classes(column: pd.Series, where: str, kind: TaskKind, in_training: np.ndarray) -> TargetColumn:
    texts = column_categories(column)
    counts = Counter(text for text in texts if text is not None)
    n_labels = counts.total()
    classes = _classes(texts)
    labels = class_values(column, classes)
    infinite = [name for name, label in zip(classes, labels, strict=True) if label in (math.inf, -math.inf)]
    if infinite:
        _check_finite(where, np.where(np.isin(texts, infinite), math.inf, 0.0))
    if len(classes) == 1:
        raise DataError(_constant(where, classes[0]))
    if len(classes) > _MOST_CLASSES or (len(classes) > _FEW_CLASSES and len(classes) > n_labels / 2):
        raise DataError(
            f"{where} has {len(classes)} classes in {n_labels} labelled rows. Ask for "
            f"{asked_as(column.name, 'regression')} if it is a number, or leave it out if it tells rows "
            f"apart."
        )
    problems = []
    if kind == "binary" and len(classes) != 2:
        problems.append(
            f"{where} is asked as binary but has {len(classes)} classes: {examples(classes)}. Ask for "
            f"{asked_as(column.name, 'multiclass')}, or merge classes."
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
    return TargetColumn(task=task, classes=classes, labels=labels)


def class_values(column: pd.Series, classes: Sequence[str]) -> tuple[Label, ...]:
    """Give each class the value that stands for it in the column; its name where types differ.

    Args:
        column: The labels.
        classes: Their names, as `column_categories` writes them.
    """
    _, values, names = column_distinct(column)
    stored = {name: _label(value, name) for value, name in zip(values, names, strict=True)}
    labels = [stored[name] for name in classes]
    kinds = {type(label) for label in labels}
    if kinds == {int, float}:
        labels, kinds = [float(label) for label in labels], {float}
    several = len({(type(value), name) for value, name in zip(values, names, strict=True)}) > len(classes)
    return tuple(classes) if len(kinds) > 1 or several else tuple(labels)


def _label(value: Any, name: str) -> Label:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer) and int(value).bit_length() < 128:
        return int(value)
    number = None if isinstance(value, str) else read_number(value)
    return name if number is None else number


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
