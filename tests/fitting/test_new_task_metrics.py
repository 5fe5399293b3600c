"""Verdicts on new tasks are adjusted for how many of them a fit gives."""

from dataclasses import replace

import pytest

from polytask.core import Interval
from polytask.evaluate.jackknife import p_value
from polytask.fitting.new_task_metrics import judged_targets
from polytask.models.task_table_results import NewTasks, TargetTaskResult


def found(target: str, *gains: float) -> TargetTaskResult:
    """Return figures with gains of half width 1, over which the pooled model is the better rival."""

    def interval(mean: float) -> Interval:
        return Interval(mean=mean, half_width=1.0, n=30)

    new = [
        NewTasks(
            rows=rows,
            n_tasks=30,
            joint=interval(10 - gain),
            pooled=interval(10),
            own=interval(12),
            gain_on_pooled=interval(gain),
            gain_on_own=interval(gain + 2),
        )
        for rows, gain in enumerate(gains)
    ]
    return TargetTaskResult(
        target=target, kind="regression", metric="rmse", effects="level", new_tasks=tuple(new)
    )


def test_what_is_clear_alone_is_not_among_many() -> None:
    alone = judged_targets([found("y", 1.2)])[0].new_tasks[0]
    assert alone.verdict == "helped"
    targets = [found("y", 1.2, -1.2, 0.1, 0.2, 0.3), found("z", 0.4, 0.5, 0.6, 5.0, -5.0)]
    first, second = judged_targets(targets)
    assert {one.verdict for one in first.new_tasks} == {"no clear difference"}
    assert [one.verdict for one in second.new_tasks[-2:]] == ["helped", "hurt"]
    raw = p_value(first.new_tasks[0].gain)
    assert raw < 0.05 and first.new_tasks[0].p_value == pytest.approx(8 * raw)  # third smallest of ten


def test_the_better_rival_is_what_a_verdict_is_about() -> None:
    (one,) = found("y", 1.5).new_tasks
    assert one.gain == one.gain_on_pooled
    other = replace(one, own=one.joint)
    assert other.gain == one.gain_on_own


def test_a_single_task_tells_nothing() -> None:
    (one,) = found("y", 1.5).new_tasks
    lonely = Interval(mean=1.5, half_width=float("nan"), n=1)
    target = replace(found("y", 1.5), new_tasks=(replace(one, gain_on_pooled=lonely),))
    (judged,) = judged_targets([target])[0].new_tasks
    assert judged.p_value is None and judged.verdict == "unknown"
