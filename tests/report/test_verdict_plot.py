"""The picture of several verdicts, read from the drawing itself."""

from typing import Any

import numpy as np
import pytest

from polytask.core import Interval
from polytask.models.table_results import FitResults, TaskResult
from polytask.report import verdict_plot as module
from polytask.report.plots import COLOURS


def results(gains: dict[str, tuple[float, float]], delta: float | None) -> FitResults:
    tasks = tuple(
        TaskResult(
            task=name, kind="regression", metric="rmse", joint={}, baseline={}, p_value=p_value,
            gain=Interval(mean=gain, half_width=1.0, n=9, confidence=0.95),
        )
        for name, (gain, p_value) in gains.items()
    )  # fmt: skip
    delta_m = None if delta is None else Interval(mean=delta, half_width=2.0, n=9, confidence=0.95)
    return FitResults(
        tasks=tasks,
        delta_m=delta_m,
        n_folds=2,
        n_repeats=1,
        n_parameters={},
        rows={},
        seconds=0.0,
        messages=(),
    )


@pytest.fixture
def drawn(monkeypatch) -> list[Any]:
    """The panels of the last picture, in place of its bytes."""
    kept: list[Any] = []

    def keep(pyplot, figure, *panels):
        kept.extend(panels)
        pyplot.close(figure)
        return "<svg"

    monkeypatch.setattr(module, "svg_text", keep)
    return kept


def test_a_dot_is_a_target_in_the_colour_of_its_verdict(drawn):
    found = results({"a": (9.0, 0.01), "b": (-9.0, 0.01), "c": (0.5, 0.6)}, 1.0)
    module.verdict_plot({"first": found, "second": results({}, None)})
    dots = [line for line in drawn[0].lines if line.get_marker() == "o"]
    shown = {float(line.get_xdata()[0]): line.get_color() for line in dots}
    assert shown == {9.0: COLOURS["helped"], -9.0: COLOURS["hurt"], 0.5: COLOURS["muted"]}
    assert all(-0.5 < float(line.get_ydata()[0]) < 0.5 for line in dots)
    assert [label.get_text() for label in drawn[0].get_yticklabels()] == ["first", "second"]
    diamonds = [line for line in drawn[0].lines if line.get_marker() == "D"]
    assert [float(line.get_xdata()[0]) for line in diamonds] == [1.0]


def test_dots_with_like_gains_stand_at_other_heights():
    heights = module._dodged([1.0, 1.01, 1.02, 1.03, 1.04])
    assert len(set(heights)) == 5 and np.abs(heights).max() <= 0.28
    assert module._dodged([3.0]).tolist() == [0.0]


def test_further_figures_are_bars_with_their_values(drawn):
    module.verdict_plot({"t": results({}, None)}, {"R²": {"ridge": 0.25, "polytask.fit": 0.875}})
    assert [bar.get_width() for bar in drawn[1].patches] == [0.25, 0.875]
    assert [text.get_text().strip() for text in drawn[1].texts] == ["0.25", "0.875"]
    assert drawn[1].get_xlabel() == "R²"


def test_it_is_inline_svg():
    assert module.verdict_plot({"t": results({"a": (1.0, 0.5)}, 1.0)}, {"m": {"x": 1.0}}).startswith("<svg")
