"""Verdicts of targets, and how the terminal shows them."""

import io
from dataclasses import replace

import pytest
from rich.console import Console
from tests.report.figures import fit_results, task_result

from polytask.report.console import fit_table


@pytest.fixture
def table():
    return fit_results(
        task_result("mass <kg>"), task_result("kind", gain=2.0, p_value=0.3), messages=("odd",)
    )


def test_a_fit_in_groups_names_them_and_who_is_alone(table):
    alone = replace(task_result("size"), gain=None, p_value=None, baseline={}, single=True)
    assert alone.verdict == "alone"
    grouped = replace(table, tasks=(*table.tasks, alone), groups=(("mass <kg>", "kind"), ("size",)))
    console = Console(width=100, file=io.StringIO())
    console.print(fit_table(grouped))
    lines = [line.split() for line in console.file.getvalue().splitlines() if line.strip()]
    assert ["task", "group", "metric", "separate", "in", "groups", "gain", "%", "sharing"] in lines
    assert any(line[:3] == ["size", "2", "rmse"] and line[-1] == "alone" for line in lines)
    assert any(line[:3] == ["kind", "1", "rmse"] for line in lines)


@pytest.mark.parametrize(
    ("gain", "p_value", "verdict"),
    [
        (20.0, 0.049, "helped"),
        (-20.0, 0.049, "hurt"),
        (20.0, 0.05, "no clear difference"),
        (0.0, 1.0, "no clear difference"),
        (20.0, None, "unknown"),
    ],
)
def test_a_verdict_is_the_adjusted_p_value_with_the_sign_of_the_gain(gain, p_value, verdict):
    found = task_result("y", gain=gain, p_value=p_value)
    assert found.verdict == verdict
    written = fit_results(found).to_json()["tasks"][0]
    assert (written["verdict"], written["p_value"]) == (verdict, p_value)


def test_without_a_gain_the_verdict_is_unknown():
    assert replace(task_result("y"), gain=None).verdict == "unknown"
