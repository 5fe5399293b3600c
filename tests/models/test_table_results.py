"""The figures of a fit as a frame."""

import numpy as np

from polytask.core import Interval
from polytask.models.table_results import FitResults, TaskResult


def _interval(mean: float) -> Interval:
    return Interval(mean=mean, half_width=0.5, n=5, confidence=0.95)


def test_a_frame_has_a_row_for_each_target() -> None:
    known = TaskResult(
        task="a",
        kind="regression",
        metric="rmse",
        joint={"rmse": _interval(2.0), "mae": _interval(1.0)},
        baseline={"rmse": _interval(3.0)},
        gain=_interval(7.0),
        p_value=0.01,
        constant={"rmse": _interval(4.0)},
        better_than_constant=True,
    )
    bare = TaskResult(task="b", kind="binary", metric="accuracy", joint={}, baseline={}, gain=None)
    results = FitResults(
        tasks=(known, bare),
        delta_m=None,
        n_folds=5,
        n_repeats=1,
        n_parameters={},
        rows={},
        seconds=1.0,
        messages=(),
    )
    frame = results.to_frame()
    assert frame.index.tolist() == ["a", "b"] and frame.index.name == "target"
    assert frame.loc["a", ["joint", "half_width", "constant", "separate"]].tolist() == [2.0, 0.5, 4.0, 3.0]
    assert frame.loc["a", "verdict"] == "helped" and frame.loc["b", "verdict"] == "unknown"
    assert np.isnan(frame.loc["b", "joint"]) and np.isnan(frame.loc["b", "gain_percent"])
