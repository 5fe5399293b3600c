"""The labels of rows from which tasks are learned."""

from collections.abc import Sequence

import pandas as pd
from torch import Tensor

from polytask.core import DataError
from polytask.data.tables.column import column_hint, one_column
from polytask.data.tables.problems import examples
from polytask.data.tables.target_column import TargetColumn

__all__ = ["labels_to_learn", "repeated_text"]


def labels_to_learn(targets: Sequence[TargetColumn], frame: pd.DataFrame) -> dict[str, tuple[Tensor, Tensor]]:
    """Read the labels of the targets that a table has: each with its mask, see `TargetColumn.encode`.

    Raises:
        DataError: It has none of the targets, no label, or one that cannot be read.
    """
    there = [target for target in targets if target.task.name in frame.columns]
    names = [target.task.name for target in targets]
    if not there:
        raise DataError(
            f"The rows have no column of the targets, {examples(names)}, so there is nothing to learn a "
            f"task from; {column_hint(frame, names[0])} Add the column of the labels."
        )
    labels = {target.task.name: target.encode(one_column(frame, target.task.name)) for target in there}
    if not any(bool(mask.any()) for _, mask in labels.values()):
        raise DataError(
            f"No row has a label of {examples(list(labels))}, so there is nothing to learn a task from. "
            "Label one."
        )
    return labels


def repeated_text(n_repeated: int, n_labels: int) -> str:
    """Say that labels do not count once more."""
    which = "All labels" if n_repeated == n_labels else f"{n_repeated} of {n_labels} labels"
    return (
        f"{which} were learned from before (the same task, features and label), and do not count once more. "
        "If these are other rows that look the same, set `again`."
    )
