"""The weakest candidate: the mean, or the class frequencies, of the training rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from polytask.compare.candidate import Candidate, Fitted, Settings, as_predictions
from polytask.compare.table_rows import TableRows
from polytask.evaluate.constant import constant_predictor
from polytask.evaluate.metrics import all_predictions

__all__ = ["Constant"]


class Constant(Candidate):
    """Predicts the same for every row.

    Example:
        >>> Constant().name
        'constant'
    """

    name = "constant"
    words = "a constant"
    recipe: Mapping[str, Any] | None = {"kind": "named", "name": "constant"}
    defaults = {}, {}

    def fit(self, rows: TableRows, settings: Settings, *, seed: int) -> Fitted:
        """See `Candidate.fit`."""
        predictor = constant_predictor(rows.tasks, rows.batch)

        def predict(others: TableRows) -> dict[str, np.ndarray]:
            outputs = all_predictions(predictor, others.batch)
            return {task.name: as_predictions(task, outputs[task.name]) for task in rows.tasks}

        return Fitted(predict=predict)
