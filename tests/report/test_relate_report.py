"""The report of related tasks: the grouping on top, a heat map in the order of the groups."""

import re

import pytest
import torch
from tests.report.reports import HOSTILE, headings

from polytask.core import Interval
from polytask.relate import Relations, TaskRelation
from polytask.relate.affinity import Affinity
from polytask.relate.pilot_probability import PilotProbability
from polytask.report.relate_report import relations_page


def relations(n_tasks: int = 4) -> Relations:
    """Relations of tasks of which every other one makes a group."""
    names = [f"task {index}" for index in range(n_tasks - 1)] + [f"last {HOSTILE}"]
    gains = [Interval(mean=index - 1.0, half_width=0.4, n=20) for index in range(n_tasks)]
    matrix = torch.arange(n_tasks**2).reshape(n_tasks, n_tasks) / 8 - 1
    matrix[0, 1] = torch.nan
    return Relations(
        tasks=tuple(
            TaskRelation(
                task=name, kind="regression", metric="rmse", labels=10, gain=gain, p_value=0.01,
                probability=0.5, group=index % 2,
            )
            for index, (name, gain) in enumerate(zip(names, gains, strict=True))
        ),
        affinity=Affinity(names=tuple(names), matrix=matrix, n_seen=torch.ones(n_tasks, n_tasks)),
        affinity_kind="transfer",
        groups=(tuple(names[::2]), tuple(names[1::2])),
        mean=Interval(mean=0.5, half_width=0.1, n=20),
        probability=PilotProbability.stored(),
        rows={"table": 1200, "used": 1000},
        n_folds=3,
        seconds=75.0,
        messages=("A column was left out.",),
    )  # fmt: skip


def test_the_grouping_comes_first_then_gains_then_who_helps_whom():
    text = relations_page(relations(), command="polytask relate t.csv").render()
    answer = re.search(r"<h1>(.*?)</h1>", text)[1]
    assert answer == (
        "By their affinities, train together: task 0 and task 2; task 1 and last "
        "&lt;script&gt;alert(1)&lt;/script&gt;."
    )
    assert text.index("short comparison</h2>") < text.index("Who helps whom") < text.index("Groups</h2>")
    assert "polytask relate t.csv" in text and "1,200 in the table" in text and "1 min 15 s" in text
    assert HOSTILE not in text and headings(text)[0] == 1


def test_the_heat_map_is_in_the_order_of_the_groups():
    text = relations_page(relations()).render()
    heat = text[text.index("Relations of tasks: gain of each task") :]
    places = [heat.index(f">{name}") for name in ("task 0", "task 2", "task 1")]
    assert places == sorted(places)


@pytest.mark.parametrize("n_tasks", [60, 120])
def test_many_tasks_stay_small(n_tasks):
    text = relations_page(relations(n_tasks)).render()
    assert len(text.encode()) < 1.5 * 2**20
    assert f"The first 40 of {n_tasks} tasks" in text and f"All {n_tasks} tasks" in text
