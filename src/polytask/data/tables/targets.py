"""Columns of a table as tasks."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from polytask.core import DataError, InputError, Task
from polytask.data.tables.cell import canonical, spell
from polytask.data.tables.column import (
    column_categories,
    column_distinct,
    column_known,
    column_numbers,
    each_by_itself,
    one_column,
)
from polytask.data.tables.label_faults import LARGEST_LABEL, check_finite, constant_text
from polytask.data.tables.number_form import NumberForm
from polytask.data.tables.problems import examples, problem_error, some_rows
from polytask.data.tables.reading import Reading, column_reading
from polytask.data.tables.target_classes import FEW_CLASSES, class_names, fit_classes
from polytask.data.tables.target_column import TargetColumn, logarithms
from polytask.data.tables.target_kinds import TargetKind, asked_as, parse_target
from polytask.data.tables.typed_columns import MISSING_WORDS

__all__ = ["fit_targets", "name_clashes", "parse_target", "target_reading", "target_series"]


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
        check_finite(where, column_numbers(column, words=found.words, form=found.form))
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
    return fit_classes(column, where, kind, in_training)


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
        return "binary" if len(class_names(column_categories(column))) == 2 else "multiclass"
    numbers = column_numbers(column, words=found.words, form=found.form)
    distinct = np.unique(numbers[~np.isnan(numbers)])
    if len(distinct) == 2:
        return "binary"
    return "multiclass" if len(distinct) <= FEW_CLASSES and (distinct % 1 == 0).all() else "regression"


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
    check_finite(where, numbers)
    values = numbers
    if kind == "log":
        plain = asked_as(column.name, "regression")
        numbers = logarithms(str(column.name), numbers, remedy=f", or ask for {plain}")
    mean, scale = _standard(where, numbers, values, in_training)
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


def _standard(
    where: str, numbers: np.ndarray, values: np.ndarray, in_training: np.ndarray
) -> tuple[float, float]:
    """Return mean and deviation of the training rows; ``values`` are the numbers as they are written.

    Raises:
        DataError: There is none, they are all alike, or another number is too far away from them.
    """
    known = in_training & ~np.isnan(numbers)
    if not known.any():
        raise DataError(
            f"{where} has no label in the training rows. Label more rows, or leave the target out."
        )
    mean, scale = float(numbers[known].mean()), float(numbers[known].std())
    # A sum of many equal numbers is off by some rounding, so that their deviation need not be 0.
    if len(np.unique(numbers[known])) == 1:
        raise DataError(constant_text(where, spell(values[known][0])))
    if scale <= 1e-14 * abs(mean):
        raise DataError(
            f"{where} varies by no more than rounding in the training rows, around {spell(mean)}. Subtract "
            "its mean, or choose another unit."
        )
    farthest = float(np.nanmax(np.abs((numbers - mean) / scale)))
    if farthest > LARGEST_LABEL:
        raise DataError(
            f"{where} has a value {farthest:.0e} standard deviations off. Correct it, or leave it empty."
        )
    return mean, scale
