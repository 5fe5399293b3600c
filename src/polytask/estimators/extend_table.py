"""Give a fitted table model a new target, learned from few labels."""

from typing import Any

from polytask.core.interrupts import interruptible
from polytask.core.settings import SettingsCheck
from polytask.data import read_table
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_extension import extend_model
from polytask.models.table_model import TableModel
from polytask.models.table_results import TaskResult
from polytask.train.progress import phase, run_line

__all__ = ["extend"]


def extend(
    model: TableModel,
    table: Any,
    targets: Any,
    *,
    tune: bool = False,
    seed: int = 0,
    progress: bool | None = None,
) -> tuple[TableModel, tuple[TaskResult, ...]]:
    """Learn new targets from few labels on what a model has learned; its other answers stay bit for bit.

    Five labels can be enough where the new target depends on what the known ones depend on. The networks are
    frozen (see ``tune``); each gets a linear head, regularized as strongly as rows that are left out in turn
    say. A linear model of the features alone is learned beside them, and their average is kept with the
    weights that held-out rows choose.

    Args:
        model: Made by `polytask.fit` with the default architecture and balancing.
        table: Rows with the feature columns of the model and the new targets, in whatever `read_table` reads.
        targets: Columns to learn, as in `polytask.fit`.
        tune: Also tune copies of the networks for each new target, which go on from where the model stands.
            Rows that are held out in turn choose between these, the frozen ones and the linear model; the
            results' ``parts`` say how much each counts. It takes seconds instead of a moment.
        seed: Decides which rows are held out together, and how copies are tuned.
        progress: Show one line for the whole run: its phase, the time left; None where a person watches.

    Returns:
        The extended model, and for each new target its figures on held-out rows: ``joint`` of what is kept,
        ``baseline`` of the linear model alone, and the gain with its verdict.

    Raises:
        InputError: The model cannot be extended, or has the column already, as a target or a feature.
        DataError: A target has fewer than four labels, or cannot be learned.

    Example:
        >>> import numpy as np, pandas as pd, polytask
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "sum": x.sum(1)})
        >>> model = polytask.fit(table, "sum", epochs=5)
        >>> table["twice"] = np.where(np.arange(100) < 20, 2 * table["sum"], np.nan)
        >>> extended, (result,) = extend(model, table.drop(columns="sum"), "twice")
        >>> list(extended.predict(table.head(1)).columns)
        ['sum', 'twice']
    """
    check = SettingsCheck()
    check.whole("seed", seed, least=0)
    tune = check.flag("tune", tune)
    shown = check.shown("progress", progress)
    check.done()
    with run_line("extend", shown=shown), interruptible():
        phase("reading")
        return extend_model(model, read_table(table), Columns.of(targets).targets, tune=tune, seed=seed)
