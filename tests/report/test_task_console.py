"""The figures of a model with tasks, for the terminal."""

import io

import pytest
from rich.console import Console

from polytask.core import Interval
from polytask.models.task_table_results import (
    DrawnTask,
    DrawnTasks,
    NewTasks,
    TargetTaskResult,
    TaskTableResults,
)
from polytask.report.task_console import task_table


def _new(rows: int | str, ours: float) -> NewTasks:
    sides = {
        "joint": ours,
        "pooled": 30.0,
        "own": 40.0,
        "gain_on_pooled": 30 - ours,
        "gain_on_own": 40 - ours,
    }
    intervals = {name: Interval(mean=mean, half_width=1.234, n=20) for name, mean in sides.items()}
    return NewTasks(rows=rows, n_tasks=20, p_value=0.001, **intervals)


def _written(n_targets: int, *, width: int = 80, judged: bool = True, drawn: DrawnTasks | None = None) -> str:
    found = tuple(_new(rows, ours) for rows, ours in ((0, 30), (1, 25), (5, 20), (20, 15), ("4/5", 10.5)))
    targets = tuple(
        TargetTaskResult(
            target=f"y{index}",
            kind="regression",
            metric="rmse",
            effects="level",
            new_tasks=found if judged else (),
        )
        for index in range(n_targets)
    )
    results = TaskTableResults(
        targets=targets, n_tasks=30, rows={}, n_parameters=1, pooled={}, seconds=1.0, messages=(), drawn=drawn
    )
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(task_table(results))
    return capture.get()


def test_a_target_is_shown_with_every_number_of_rows_in_words() -> None:
    text = _written(1)
    assert "y0: error on new tasks (RMSE, 95 % intervals)" in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "1 30 ± 1.2 40 ± 1.2 25 ± 1.2 helped" in lines
    assert "4 of 5 30 ± 1.2 40 ± 1.2 10.5 ± 1.2 helped" in lines
    assert "Each of 30 tasks was held out once" in text and len(lines) < 16


def test_of_several_targets_the_main_rows_are_shown() -> None:
    lines = [" ".join(line.split()) for line in _written(3).splitlines()]
    assert sum(line.startswith("5 ") for line in lines) == 3
    assert not any(line.startswith(("1 ", "20 ")) for line in lines)


def test_many_targets_are_counted() -> None:
    text = _written(11)
    assert "y7" in text and "y8" not in text and "… and 3 targets more" in text


def test_a_target_that_could_not_be_judged_says_so() -> None:
    assert "y0: too few tasks or rows to judge new tasks" in _written(1, judged=False)


@pytest.mark.parametrize("width", [30, 50, 80])
def test_figures_are_never_cut(width: int) -> None:
    text = _written(1, width=width)
    assert text.count("30 ± 1.2") >= 5 and "10.5 ± 1.2" in text and "…" not in text


def test_how_often_tasks_were_drawn_is_told_of_the_largest_and_the_smallest() -> None:
    tasks = [DrawnTask(task="b", rows=1, times=20), DrawnTask(task="a", rows=99, times=60)]
    text = " ".join(_written(1, drawn=DrawnTasks.of("temperature", tasks)).split())
    assert "by the law temperature: a has 99 % of the rows and 75 % of those drawn; b has 1 % " in text
    assert "and 25 % of those drawn." in text and "drawn by" not in _written(1)
