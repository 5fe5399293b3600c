"""How good answers are, in the one figure that scikit-learn takes for a target."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, r2_score
from torch import Tensor

from polytask.data.tables.column import column_categories
from polytask.data.tables.target_column import TargetColumn

__all__ = ["target_score"]


def target_score(
    target: TargetColumn, outputs: Tensor, labels: pd.DataFrame, *, weights: Any = None
) -> float | None:
    """Return the R² of a number and the accuracy of classes, of the rows with a label.

    A class that the model does not know counts as answered wrongly.

    Args:
        target: The target.
        outputs: What the networks say ``[row, n_outputs]``.
        labels: A table with the target's column, as `read_table` returns it.
        weights: How much each row counts ``[row]``.

    Returns:
        None where the table has no label of it.
    """
    column = labels[target.task.name]
    if target.classes:
        found = [text for text in column_categories(column)]
        known = np.array([text is not None for text in found], dtype=bool)
        codes, mask = target.encode(column, unseen="missing")
        truth = np.where(mask.numpy(), codes.numpy().astype(np.int64), -1)
        answers = target.codes(outputs.cpu()).numpy()
    else:
        truth = target.numbers(column)
        known = ~np.isnan(truth)
        answers = target.decode(outputs)[""]
    if not known.any():
        return None
    kept = None if weights is None else np.asarray(weights)[known]
    score = accuracy_score if target.classes else r2_score
    return float(score(truth[known], answers[known], sample_weight=kept))
