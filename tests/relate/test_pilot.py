"""Pilot studies: what sets made to gain or to lose lead to, who is trained on, and what it costs."""

import math
from collections.abc import Mapping, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim import Adam

from polytask.architectures import HardSharing
from polytask.core import Batch, InputError, SharedModel, Task, generator, mean_interval, seeded
from polytask.data import JointSource
from polytask.evaluate import evaluate
from polytask.relate.pilot import pilot_gains
from polytask.train import train

TASKS = [Task(name=name, kind="regression", metrics=("rmse",)) for name in ("a", "b", "c")]
Metrics = Mapping[str, Mapping[str, float]]


def trained(weights: Tensor, *, noise: float, n_rows: int, n_steps: int = 400):
    """Return a `fit` of linear tasks ``weights`` [input, task] by a trunk of a single unit."""

    def batch(seed: int, what: str, n: int, noise: float) -> Batch:
        draw = generator(seed, what)
        inputs = torch.randn(n, len(weights), generator=draw)
        targets = inputs @ weights + noise * torch.randn(n, len(TASKS), generator=draw)
        return Batch(inputs=inputs, targets={t.name: column for t, column in zip(TASKS, targets.T)})

    def fit(tasks: Sequence[Task], seed: int, share: float) -> Metrics:
        names = [task.name for task in tasks]
        data = batch(seed, "train", n_rows, noise).only(names)
        with seeded(seed, "initialization"):
            heads = {name: nn.Linear(1, 1) for name in names}
            model = SharedModel(tasks, HardSharing(nn.Linear(len(weights), 1)), heads)
        source = JointSource(tasks, data, batch_size=n_rows, seed=seed)
        train(model, source, n_steps=round(n_steps * share), optimizer=lambda p: Adam(p, lr=12 / n_steps))
        return evaluate(model.adapt(tasks), batch(seed, "validation", 200, 0.0).only(names))

    return fit


def looked_up(gains: Mapping[str, Mapping[float, Sequence[float]]], calls: list | None = None):
    """Return a `fit` whose gain of a task at a share is that of the seed, in percent."""

    def fit(tasks: Sequence[Task], seed: int, share: float) -> Metrics:
        if calls is not None:
            calls.append((tuple(task.name for task in tasks), seed, share))
        return {
            t.name: {"rmse": 1 - gains[t.name][share][seed] / 100 if len(tasks) > 1 else 1.0} for t in tasks
        }

    return fit


def test_tasks_with_one_direction_and_few_noisy_rows_are_helped():
    one = torch.ones(20, 1) / 20**0.5
    found = pilot_gains(
        trained(one.expand(20, 3), noise=2.0, n_rows=30, n_steps=100),
        TASKS,
        shares=(0.3, 1.0),
        seeds=range(8),
    )
    assert [verdict.outcome for verdict in found.verdicts] == ["helped"] * 3


def test_tasks_with_directions_of_their_own_and_one_shared_unit_are_hurt():
    apart = torch.eye(20)[:, :3]
    found = pilot_gains(trained(apart, noise=0.1, n_rows=200), TASKS, shares=(0.1, 0.3))
    assert [verdict.outcome for verdict in found.verdicts] == ["hurt"] * 3


def test_only_undecided_tasks_are_trained_alone_again():
    gains = {
        "a": {0.1: [10.0, 10.1]},
        "b": {0.1: [10.0, -10.0], 0.2: [-10.0, -10.1]},
        "c": {0.1: [-10.0, -10.1]},
    }
    calls: list = []
    # Joint runs at the second share have all tasks, but only b is compared there.
    for decided in ("a", "c"):
        gains[decided][0.2] = [0.0, 0.0]
    found = pilot_gains(looked_up(gains, calls), TASKS, shares=(0.1, 0.2), seeds=(0, 1))
    second = {names for names, _, share in calls if share == 0.2}
    assert second == {("a", "b", "c"), ("b",)}
    assert [verdict.outcome for verdict in found.verdicts] == ["helped", "hurt", "hurt"]
    assert found.shares == {"a": 0.1, "b": 0.2, "c": 0.1}
    assert found.gains() == pytest.approx({"a": 10.05, "b": -10.05, "c": -10.05})


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=3, max_size=3), st.integers(2, 4))
def test_the_cost_is_that_of_the_runs_over_that_of_full_ones(noisy, n_seeds):
    spread = [(-10.0) ** (seed % 2) for seed in range(n_seeds)]
    gains = {t.name: {s: spread if n else [5.0] * n_seeds for s in (0.1, 0.4)} for t, n in zip(TASKS, noisy)}
    calls: list = []
    found = pilot_gains(looked_up(gains, calls), TASKS, shares=(0.1, 0.4), seeds=range(n_seeds))
    assert found.cost == pytest.approx(sum(share for *_, share in calls) / (n_seeds * (len(TASKS) + 1)))


def test_the_interval_of_every_look_is_widened_for_the_number_of_looks():
    values = [-10.0, 0.0, 12.0]
    gains = {t.name: {0.1: values, 0.2: values} for t in TASKS}
    found = pilot_gains(looked_up(gains), TASKS, shares=(0.1, 0.2), seeds=range(3), test_over_train=0.5)
    expected = mean_interval(values, confidence=0.975, test_over_train=0.5)
    assert found.verdicts[0].gain.half_width == pytest.approx(expected.half_width)


def test_a_task_that_stays_noisy_is_unclear():
    gains = {t.name: {0.1: [-10.0, 12.0], 0.2: [-9.0, 10.0]} for t in TASKS}
    found = pilot_gains(looked_up(gains), TASKS, shares=(0.1, 0.2), seeds=(0, 1))
    assert {verdict.outcome for verdict in found.verdicts} == {"unclear"}


def test_an_undefined_metric_leaves_a_task_unknown():
    gains = {t.name: {0.1: [math.nan] * 2 if t.name == "b" else [5.0, 5.1]} for t in TASKS}
    found = pilot_gains(looked_up(gains), TASKS, shares=(0.1,), seeds=(0, 1))
    assert [verdict.outcome for verdict in found.verdicts] == ["helped", "unknown", "helped"]


def test_a_run_without_the_metric_is_named():
    with pytest.raises(InputError, match=r"no rmse of 'b' for the tasks a, b, c, seed 3 and share 0.1"):
        pilot_gains(lambda tasks, *_: {"a": {"rmse": 1.0}}, TASKS, shares=(0.1,), seeds=(3, 4))


@pytest.mark.parametrize(
    ("tasks", "options", "message"),
    [
        (TASKS[:1], {}, "two tasks or more, got 1"),
        (TASKS[:1] * 2, {}, "need different names, got a, a"),
        (TASKS, {"seeds": [0]}, r"two `seeds` or more, got \[0\]"),
        (TASKS, {"seeds": [1, 1]}, r"`seeds` must differ, got \[1, 1\]"),
        (TASKS, {"shares": ()}, "`shares` must grow"),
        (TASKS, {"shares": (0.2, 0.1)}, "`shares` must grow"),
        (TASKS, {"shares": (0.0, 0.1)}, "`shares` must grow"),
        (TASKS, {"shares": (0.5, 1.5)}, "`shares` must grow"),
        (TASKS, {"confidence": 1.0}, "`confidence` must lie within"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(tasks, options, message):
    with pytest.raises(InputError, match=message):
        pilot_gains(lambda *_: {}, tasks, **options)
