"""Transfer gains: percentages of hand-made metrics, and the number of runs they take."""

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import InputError, Task, mean_interval
from polytask.relate.transfer import Metrics, transfer_gains

ERROR = Task(name="error", kind="regression", metrics=("rmse",))
FIT = Task(name="fit", kind="regression", metrics=("r2",))
OTHER = Task(name="other", kind="regression", metrics=("rmse",))


def table(values: dict[frozenset[str], dict[str, float]]):
    """Return a `fit` that looks its metrics up by the tasks; the seed is added to every value."""

    def fit(tasks: Sequence[Task], seed: int) -> Metrics:
        found = values[frozenset(task.name for task in tasks)]
        return {task.name: {task.metrics[0]: found[task.name] + seed} for task in tasks}

    return fit


PAIR = {
    frozenset({"error"}): {"error": 2.0},
    frozenset({"fit"}): {"fit": 0.5},
    frozenset({"error", "fit"}): {"error": 1.0, "fit": 0.4},
}


def test_a_gain_is_in_percent_of_the_task_alone_whatever_the_direction_of_its_metric():
    found = transfer_gains(table(PAIR), [ERROR, FIT]).affinity()
    assert found("fit", "error") == pytest.approx(50)  # the error halves
    assert found("error", "fit") == pytest.approx(-20)  # r2 falls by a fifth


def test_a_task_gains_nothing_from_itself():
    assert transfer_gains(table(PAIR), [ERROR, FIT]).by_seed.diagonal(dim1=1, dim2=2).abs().max() == 0


@settings(deadline=None)
@given(st.integers(2, 6), st.integers(1, 3))
def test_the_runs_are_as_many_as_is_said(n_tasks, n_seeds):
    runs = []

    def fit(tasks: Sequence[Task], seed: int) -> Metrics:
        runs.append((frozenset(task.name for task in tasks), seed))
        return {task.name: {"rmse": 1.0} for task in tasks}

    tasks = [Task(name=f"t{index}", kind="regression") for index in range(n_tasks)]
    transfer_gains(fit, tasks, seeds=range(n_seeds))
    assert len(runs) == len(set(runs)) == n_seeds * (n_tasks + n_tasks * (n_tasks - 1) // 2)


def test_the_interval_is_that_of_the_gains_by_seed():
    seeds = [0, 1, 2]
    expected = mean_interval([100 * (2.0 - 1.0) / (2.0 + seed) for seed in seeds], confidence=0.9)
    found = transfer_gains(table(PAIR), [ERROR, FIT], seeds=seeds, confidence=0.9).interval("fit", "error")
    assert (found.mean, found.half_width) == pytest.approx((expected.mean, expected.half_width))
    assert (found.n, found.confidence) == (3, 0.9)


def test_one_seed_has_no_interval():
    assert math.isnan(transfer_gains(table(PAIR), [ERROR, FIT]).interval("fit", "error").half_width)


def test_a_seed_with_an_undefined_metric_is_left_out_of_the_mean():
    def fit(tasks: Sequence[Task], seed: int) -> Metrics:
        value = math.nan if seed == 1 and len(tasks) == 2 else 1.0 / len(tasks)
        return {task.name: {"rmse": value} for task in tasks}

    gains = transfer_gains(fit, [ERROR, OTHER], seeds=[0, 1])
    assert gains.affinity()("other", "error") == pytest.approx(50)
    assert gains.affinity().n_seen.tolist() == [[2, 1], [1, 2]]
    assert gains.interval("other", "error").n == 1


def test_a_pair_that_is_never_defined_is_unknown():
    def fit(tasks: Sequence[Task], seed: int) -> Metrics:
        return {task.name: {"rmse": math.nan if len(tasks) == 2 else 1.0} for task in tasks}

    gains = transfer_gains(fit, [ERROR, OTHER])
    assert gains.interval("other", "error").format() == "–"
    assert torch.equal(gains.affinity().n_seen, torch.eye(2, dtype=torch.long))


def test_a_run_without_the_metric_is_named():
    with pytest.raises(InputError, match="no rmse of 'other' for the tasks error, other and seed 3"):
        transfer_gains(
            lambda tasks, _: {task.name: {"rmse": 1.0} for task in tasks[:1]}, [ERROR, OTHER], seeds=[3]
        )


@pytest.mark.parametrize(
    ("tasks", "seeds", "message"),
    [
        ([ERROR], [0], "two tasks or more, got 1"),
        ([ERROR, ERROR], [0], "need different names, got error, error"),
        ([ERROR, FIT], [], "`seeds` is empty"),
        ([ERROR, FIT], [1, 1], r"`seeds` must differ, got \[1, 1\]"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(tasks, seeds, message):
    with pytest.raises(InputError, match=message):
        transfer_gains(table(PAIR), tasks, seeds=seeds)
