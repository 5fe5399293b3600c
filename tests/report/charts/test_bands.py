"""The picture of several verdicts, read from the drawing itself."""

from typing import Any

import numpy as np
import pytest

from polytask.core import Interval
from polytask.models.table_results import FitResults, TaskResult
from polytask.report.charts import bands as module
from polytask.report.page import Plot


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
    """The axes of the pictures, which are drawn and thrown away."""
    kept: list[Any] = []

    def chart(draw, **_):
        from matplotlib.figure import Figure

        kept.append(Figure().subplots())
        draw(kept[-1])
        return Plot(svg="<svg", title="")

    monkeypatch.setattr(module, "chart", chart)
    return kept


def test_a_dot_is_a_target_in_the_colour_of_its_verdict(drawn):
    found = results({"a": (9.0, 0.01), "b": (-9.0, 0.01), "c": (0.5, 0.6)}, 1.0)
    module.bands({"first": found, "second": results({}, None)})
    (axes,) = drawn
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    shown = {float(line.get_xdata()[0]): line.get_color() for line in dots}
    assert shown == {9.0: "#0067a6", -9.0: "#b34700", 0.5: "#5d6b79"}
    assert all(-0.5 < float(line.get_ydata()[0]) < 0.5 for line in dots)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second"]
    diamonds = [line for line in axes.lines if line.get_marker() == "D"]
    assert [float(line.get_xdata()[0]) for line in diamonds] == [1.0]


def test_dots_with_like_gains_stand_at_other_heights():
    heights = module._dodged([1.0, 1.01, 1.02, 1.03, 1.04])
    assert len(set(heights)) == 5 and np.abs(heights).max() <= 0.28
    assert module._dodged([3.0]).tolist() == [0.0]
