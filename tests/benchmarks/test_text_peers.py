"""Peers run with a Python of their own; what does not run is left out, with the reason."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from benchmarks.figures.tables import text_peers as tables
from benchmarks.scripts import loaded


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield loaded("text_peers")


def test_a_peer_without_its_python_is_left_out(script: ModuleType, tmp_path: Path) -> None:
    answer = script.asked("setfit", tmp_path / "python", {})
    assert "make .venv/.text-peers" in answer["left out"]


def test_a_peer_that_fails_is_left_out_with_what_it_said(script: ModuleType) -> None:
    answer = script.asked("setfit", Path(sys.executable), {"support": [], "labels": []})
    assert answer == {"left out": "ModuleNotFoundError: No module named 'setfit'"}


def test_an_answer_is_judged_by_its_best_class(script: ModuleType) -> None:
    draw = script.Draw(
        support=["s", "t"], labels=["a", "b"], queries=list("wxyz"), truth=["a", "b", "b", "b"]
    )
    answer = {
        "classes": ["b", "a"],
        "scores": np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
        "unknown": [False, False, True, True],
        "seconds to adapt": 2.0,
        "seconds to predict": 0.4,
    }
    assert script.figures_of(answer, draw) == {
        "accuracy": 0.75,
        "calibration error": pytest.approx(0.25),
        "seconds to adapt": 2.0,
        "ms a query": pytest.approx(100.0),
        "share answered": 0.5,
        "accuracy where answered": 1.0,
    }


def test_queries_that_are_too_many_are_thinned_evenly(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "MOST_QUERIES", 4)
    draw = script.Draw(support=["s"], labels=["a"], queries=list("0123456789"), truth=list("abcdefghij"))
    thinned = script.fewer(draw)
    assert (thinned.queries, thinned.truth) == (list("0369"), list("adgj"))


def test_the_difference_is_taken_draw_by_draw(script: ModuleType) -> None:
    ours = [{"accuracy": 0.9, "calibration error": 0.1}, {"accuracy": 0.5, "calibration error": 0.1}]
    theirs = [{"accuracy": 0.8, "calibration error": 0.1}, {"accuracy": 0.4, "calibration error": 0.1}]
    more = script.summary(theirs, ours)["accuracy, more than polytask.adapt"]
    assert (more["mean"], more["half_width"]) == (pytest.approx(-0.1), pytest.approx(0.0, abs=1e-9))


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ({"left out": "no such module"}, "left out: no such module"),
        (
            {"left out": "budget", "steps": 36000, "seconds of a step": 0.5},
            "left out: 36,000 steps of 0.50 s are 5.0 hours",
        ),
    ],
)
def test_the_table_says_why_a_peer_is_left_out(cell: dict[str, Any], told: str) -> None:
    assert tables._of_way(cell)[0] == told
