"""What relating tasks found, for the terminal."""

import dataclasses
import io

import pytest
import torch
from rich.console import Console

from polytask.core import Interval
from polytask.relate import Relations, TaskRelation
from polytask.relate.affinity import Affinity
from polytask.relate.pilot_probability import PilotProbability
from polytask.report.relations import affinity_lines, relations_table


def _found(n_tasks: int, kind: str = "transfer") -> Relations:
    names = tuple(f"task {index}" for index in range(n_tasks))
    matrix = torch.arange(n_tasks**2).reshape(n_tasks, n_tasks) / 8
    matrix[0, 1] = torch.nan
    return Relations(
        tasks=tuple(
            TaskRelation(
                task=name,
                kind="regression",
                metric="rmse",
                labels=10,
                gain=Interval(mean=1.0, half_width=0.5, n=20),
                p_value=0.5,
                probability=index / n_tasks,
                group=0,
            )
            for index, name in enumerate(names)
        ),
        affinity=Affinity(names=names, matrix=matrix, n_seen=torch.ones(n_tasks, n_tasks)),
        affinity_kind=kind,  # pyright: ignore[reportArgumentType]
        groups=(names,),
        mean=None,
        probability=PilotProbability.stored(),
        rows={"used": 10},
        n_folds=3,
        seconds=1.0,
    )


def _written(found: Relations) -> str:
    console = Console(file=io.StringIO(), width=110)
    with console.capture() as capture:
        console.print(relations_table(found))
    return capture.get()


def test_of_many_tasks_the_most_and_the_least_probable_are_shown() -> None:
    text = _written(_found(50))
    assert "… 20 between" in text and "task 49 " in text and "task 0 " in text and "task 25 " not in text
    assert text.index("task 49 ") < text.index("between") < text.index("task 0 ")


def test_of_few_tasks_all_are_shown_in_their_order() -> None:
    text = _written(_found(30))
    assert "between" not in text and text.index("task 0 ") < text.index("task 29 ")


@pytest.mark.parametrize(("kind", "shown"), [("transfer", "0.4"), ("functions", "0.38")])
def test_the_matrix_has_the_digits_of_its_unit_and_a_dash_for_what_is_unknown(kind: str, shown: str) -> None:
    title, text = affinity_lines(_found(3, kind))
    head, first, second, _ = text.splitlines()
    assert kind in title and head.split()[:3] == ["from", "\\", "to"] and "–" in first
    assert shown in second


def test_a_large_matrix_is_not_written() -> None:
    (line,) = affinity_lines(_found(13))
    assert "13 tasks" in line and "JSON" in line
    assert len(affinity_lines(_found(12))) == 2


def test_tasks_of_one_probability_are_ordered_by_their_gains() -> None:
    found = _found(50)
    tasks = tuple(
        dataclasses.replace(one, probability=0.5, gain=Interval(mean=float(index), half_width=1.0, n=20))
        for index, one in enumerate(found.tasks)
    )
    text = _written(dataclasses.replace(found, tasks=tasks))
    assert text.index("task 49 ") < text.index("task 40 ") < text.index("between") < text.index("task 0 ")


def test_probabilities_are_shown_where_they_tell_tasks_apart() -> None:
    stored = PilotProbability.stored()
    for lead, informs in (((0.1, 0.01), True), ((0.0, 0.1), False)):
        probability = dataclasses.replace(stored, brier_lead=lead)
        assert probability.informs == informs
        text = _written(dataclasses.replace(_found(3), probability=probability))
        assert ("p(helps)" in text) == ("outlook" in text) == informs
        assert "verdict" in text and "group" in text
