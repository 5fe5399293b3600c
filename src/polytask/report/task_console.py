"""The figures of a model with tasks, for the terminal."""

from rich.console import RenderableType

from polytask.core import Interval
from polytask.core.names import counted, short_name
from polytask.models.task_table_results import NewTasks, TargetTaskResult, TaskTableResults
from polytask.report.console import FittingTable

__all__ = ["task_table"]

_METRICS = {"rmse": "RMSE", "log_rmse": "RMSE of the logarithm", "cross_entropy": "cross-entropy"}


def task_table(results: TaskTableResults) -> RenderableType:
    """Lay out the errors on new tasks by how many of their rows were known: pooled, own, and the model.

    The verdict compares the model with the better of the other two.
    """
    title = f"Tasks that were held out, of {counted(results.n_tasks, 'task')}: mean error, 95 % intervals"
    headings = ["target", "metric", "rows known", "pooled", "own", "with tasks", "verdict"]
    rows = [_row(found, one) for found in results.targets for one in found.new_tasks]
    return FittingTable(title, headings, rows)


def _row(found: TargetTaskResult, one: NewTasks) -> list[str]:
    sides = [_figure(side) for side in (one.pooled, one.own, one.joint)]
    return [short_name(found.target), _METRICS[found.metric], str(one.rows), *sides, one.verdict]


def _figure(interval: Interval) -> str:
    return f"{interval.mean:.3g} ± {interval.half_width:.2g}"
