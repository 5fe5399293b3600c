"""A target whose classes are those of each task alone: they come with the rows that tell of a task."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from polytask.core import DataError, InputError, Task
from polytask.core.doors import by_door
from polytask.data.tables.column import column_categories
from polytask.data.tables.feature_column import category_finder
from polytask.data.tables.target_classes import class_values
from polytask.data.tables.target_column import Label, TargetColumn

__all__ = ["own_classes_text", "own_target", "read_own_target", "with_classes"]

_MOST_NAMES = 100_000  # of classes of all tasks


def own_classes_text() -> str:
    """Say how classes of a task's own are asked for, where the message is read."""
    return by_door(python="`own_classes=True`", command="--own-classes")


def own_target(name: str, classes: Sequence[str] = (), labels: Sequence[Label] = ()) -> TargetColumn:
    """Return a target that knows these classes so far, perhaps none.

    Example:
        >>> own_target("kind").classes
        ()
    """
    task = Task(name=name, kind="multiclass", n_outputs=max(2, len(classes)))
    return TargetColumn(task=task, classes=tuple(classes), labels=tuple(labels))


def read_own_target(data: Any) -> TargetColumn:
    """Read what `TargetColumn.to_json` wrote of such a target.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(data, Mapping):
        raise InputError("a target is no mapping")
    classes = data.get("classes")
    if not isinstance(classes, list | tuple) or len(classes) < 2:  # of which no `TargetColumn` is read
        spare = [f"class {index}" for index in range(2)]
        found = TargetColumn.from_json({**data, "classes": spare, "labels": spare})
        texts = tuple(classes) if isinstance(classes, list | tuple) else ()
        if any(not isinstance(text, str) for text in texts):
            raise InputError(f"the classes of {found.task.name!r} are no text")
        labels = data.get("labels") if isinstance(data.get("labels"), list | tuple) else ()
        return own_target(found.task.name, texts, tuple(labels or texts))
    found = TargetColumn.from_json(data)
    if found.task.kind != "multiclass":
        raise InputError(f"the target {found.task.name!r} has no classes")
    return own_target(found.task.name, found.classes, found.labels)


def with_classes(target: TargetColumn, column: pd.Series) -> TargetColumn:
    """Add the classes of a column that are not known.

    Example:
        >>> with_classes(own_target("kind", ["b"], ["b"]), pd.Series(["a", "b", None])).classes
        ('b', 'a')

    Raises:
        DataError: They are more than can be held.
    """
    find = category_finder(target.classes)
    texts = column_categories(column)
    new = [text for text in dict.fromkeys(texts) if text is not None and find(text) < 0]
    if len(target.classes) + len(new) > _MOST_NAMES:
        raise DataError(
            f"Target {target.task.name!r} has more than {_MOST_NAMES:,} classes over all tasks. Name a "
            "column of classes."
        )
    if not new:
        return target
    labels: list[Label] = [
        *(target.labels or target.classes),
        *class_values(column[np.isin(texts.astype(str), new)], new),
    ]
    classes = (*target.classes, *new)
    alike = len({type(label) for label in labels}) == 1
    return own_target(target.task.name, classes, labels if alike else classes)
