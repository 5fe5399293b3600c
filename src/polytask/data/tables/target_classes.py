"""A column of labels as classes: which there are, and the value that stands for each."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from polytask.core import DataError, Task
from polytask.core.task import TaskKind
from polytask.data.tables.cell import read_number
from polytask.data.tables.column import column_categories, column_distinct
from polytask.data.tables.label_faults import check_finite, constant_text
from polytask.data.tables.problems import examples
from polytask.data.tables.target_column import Label, TargetColumn
from polytask.data.tables.target_kinds import asked_as

__all__ = ["FEW_CLASSES", "class_names", "class_values", "fit_classes"]

_MOST_CLASSES = 1000
FEW_CLASSES = 10
"""Whole numbers are classes where no more differ, and more may be what tells rows apart."""


def fit_classes(column: pd.Series, where: str, kind: TaskKind, in_training: np.ndarray) -> TargetColumn:
    """Turn labels into classes.

    Args:
        column: The labels.
        where: Names the target.
        kind: Binary or multiclass.
        in_training: Which rows are trained on, bool ``[row]``.

    Raises:
        DataError: They cannot be learned.
    """
    texts = column_categories(column)
    counts = Counter(text for text in texts if text is not None)
    classes = class_names(texts)
    labels = class_values(column, classes)
    infinite = [name for name, label in zip(classes, labels, strict=True) if label in (math.inf, -math.inf)]
    if infinite:
        check_finite(where, np.where(np.isin(texts, infinite), math.inf, 0.0))
    _check_number(column, where, len(classes), counts)
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


def _check_number(column: pd.Series, where: str, n_classes: int, counts: Counter[str]) -> None:
    """Refuse one class, and so many that they are no classes."""
    if n_classes == 1:
        raise DataError(constant_text(where, next(iter(counts))))
    n_labels = counts.total()
    if n_classes > _MOST_CLASSES or (n_classes > FEW_CLASSES and n_classes > n_labels / 2):
        raise DataError(
            f"{where} has {n_classes} classes in {n_labels} labelled rows. Ask for "
            f"{asked_as(column.name, 'regression')} if it is a number, or leave it out if it tells rows "
            f"apart."
        )


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


def class_names(texts: np.ndarray) -> tuple[str, ...]:
    """List the classes: numbers by value, before text."""

    def key(name: str) -> tuple[bool, float, str]:
        number = read_number(name)
        return (True, 0.0, name) if number is None else (False, number, name)

    return tuple(sorted({text for text in texts if text is not None}, key=key))
