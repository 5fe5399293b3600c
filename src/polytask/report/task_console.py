"""The figures of a model with tasks, for the terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from polytask.core import Interval
from polytask.core.names import counted, short_name
from polytask.models.task_table_results import DrawnTasks, NewTasks, TargetTaskResult, TaskTableResults
from polytask.report.console import FittingTable

__all__ = ["task_table"]

_METRICS = {"rmse": "RMSE", "log_rmse": "RMSE of the logarithm", "cross_entropy": "cross-entropy"}
_GIVEN = "rows given"
_MOST_TARGETS = 8
_OF_SEVERAL = (0, 5)  # rows of a task that are shown of each of several targets, beside the most


def task_table(results: TaskTableResults) -> RenderableType:
    """Lay out the errors on new tasks by how many of their rows were given, a table for each target.

    Several targets are shown with 0, 5, and most rows of a task alone. The verdict compares the model with
    the better of the other two.
    """
    shown = results.targets[:_MOST_TARGETS]
    explained = _explained(len(results.targets) - len(shown), results.n_tasks)
    return Group(*_tables(shown), *explained, *_drawn(results.drawn))


def _tables(targets: tuple[TargetTaskResult, ...]) -> Iterator[RenderableType]:
    headings = [_GIVEN, "all alike", "rows alone", "this model", "verdict"]
    for found in targets:
        most = found.new_tasks[-1:]
        rows = [
            _row(one)
            for one in found.new_tasks
            if len(targets) == 1 or one.rows in _OF_SEVERAL or one in most
        ]
        title = f"{short_name(found.target)}: error on new tasks ({_METRICS[found.metric]}, 95 % intervals)"
        if rows:
            yield FittingTable(title, headings, rows, narrowest=len(_GIVEN))
        else:
            yield Text(
                f"{short_name(found.target)}: too few tasks or rows to judge new tasks", style="italic"
            )


def _explained(n_hidden: int, n_tasks: int) -> Iterator[Text]:
    if n_hidden:
        yield Text(f"… and {counted(n_hidden, 'target')} more, in the JSON output")
    yield Text(
        f"Each of {counted(n_tasks, 'task')} was held out once, given some of its rows, and judged by its "
        "others. All alike: the same model without knowing tasks. Rows alone: a linear model of the rows "
        "given.",
        style="dim",
    )


def _drawn(drawn: DrawnTasks | None) -> Iterator[Text]:
    """Say how often the largest and the smallest task were drawn, in a line."""
    if drawn is not None and drawn.tasks:
        shown = [
            f"{short_name(one.task)} has {100 * one.rows / drawn.rows:.3g} % of the rows and "
            f"{100 * one.times / max(drawn.times, 1):.3g} % of those drawn"
            for one in (drawn.tasks[0], drawn.tasks[-1])
        ]
        yield Text(f"Tasks were drawn by the law {drawn.law}: {'; '.join(shown)}.", style="dim")


def _row(one: NewTasks) -> list[str]:
    given = "4 of 5" if one.rows == "4/5" else str(one.rows)
    return [given, *(_figure(side) for side in (one.pooled, one.own, one.joint)), one.verdict]


def _figure(interval: Interval) -> str:
    return f"{interval.mean:.3g} ± {interval.half_width:.2g}"
