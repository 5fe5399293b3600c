"""How much each column matters to a model that was just fitted, as a file that is kept with it."""

import json
from typing import Any

import pandas as pd

from polytask.core import PolytaskError
from polytask.models.table_model import TableModel
from polytask.models.task_table_model import TaskTableModel

__all__ = ["importance_file"]

_MOST_ROWS = 2_000


def importance_file(model: TableModel | TaskTableModel, table: pd.DataFrame) -> dict[str, str]:
    """Return the importance of columns by target, with its spread over five shuffles.

    It is told on rows that the model has learned from, so that it says what the model uses, and not how well.

    Returns:
        The text of ``importance.json``: by target a list of ``column``, ``importance``, and ``low`` and
        ``high``, one standard deviation around it; empty where the rows cannot tell.
    """
    rows = table if len(table) <= _MOST_ROWS else table.sample(_MOST_ROWS, random_state=0)
    try:
        found = model.importance(rows)
    except PolytaskError:  # as where all rows have one label
        return {"importance.json": "{}"}
    told: dict[str, list[dict[str, Any]]] = {}
    for target in found.columns.get_level_values(0).unique():
        one = found[target].dropna().sort_values("importance", ascending=False)
        told[str(target)] = [
            {
                "column": str(column),
                "importance": float(row["importance"]),
                "low": float(row["importance"] - row["spread"]),
                "high": float(row["importance"] + row["spread"]),
            }
            for column, row in one.iterrows()
        ]
    return {"importance.json": json.dumps(told)}
