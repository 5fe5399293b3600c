"""How much tasks with many and with few labels count."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import polytask
from polytask.core import Batch, InputError, Task
from polytask.data.steps.joint import JointSource
from polytask.data.steps.task_sampling import TaskSampling
from polytask.estimators.fit_table import plan
from polytask.fitting.fit_settings import FitSettings
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.fitting.task_shares import task_shares, with_task_sampling


def prepared(*, of_tasks: bool) -> PreparedTable:
    x = np.random.default_rng(0).normal(size=100)
    table = pd.DataFrame({"x": x, "often": 2 * x, "seldom": np.where(np.arange(100) < 25, x, np.nan)})
    table["shop"] = np.repeat(["large", "small", "tiny"], [75, 20, 5])
    columns = Columns.of(["often"] if of_tasks else ["often", "seldom"], drop=() if of_tasks else ("shop",))
    if of_tasks:
        columns = Columns.of(["often"], group="shop")
    return prepare_table(table, columns, folds=2, repeats=1, seed=0)


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=20), st.floats(1, 50))
def test_shares_are_the_powers_of_the_counts(counts, temperature):
    counts = np.array(counts)
    for law, power in (("proportional", 1), ("temperature", 1 / temperature), ("round-robin", 0)):
        expected = counts.astype(float) ** power
        np.testing.assert_allclose(task_shares(counts, law, temperature), expected / expected.sum())


def test_shares_are_how_often_task_sampling_draws():
    counts = {"a": 10, "b": 90, "c": 500}
    sources = {}
    for name, n_rows in counts.items():
        rows = Batch(inputs=torch.zeros(n_rows, 1), targets={name: torch.zeros(n_rows)})
        sources[name] = JointSource([Task(name=name, kind="regression")], rows, batch_size=4, seed=0)
    drawn = TaskSampling(sources, n_rows=counts, scheme="temperature").inclusion  # with the usual temperature
    shares = task_shares(np.array(list(counts.values())), "temperature")
    np.testing.assert_allclose(shares, list(drawn.values()))


@pytest.mark.parametrize(
    ("law", "temperature", "shares"),
    [
        ("round-robin", None, [1 / 3, 1 / 3, 1 / 3]),
        ("proportional", None, [0.75, 0.2, 0.05]),
        ("temperature", 2, np.sqrt([75, 20, 5]) / np.sqrt([75, 20, 5]).sum()),
    ],
)
def test_rows_of_a_task_column_share_what_their_task_counts(law, temperature, shares):
    found = with_task_sampling(prepared(of_tasks=True), law, temperature, of_tasks=True)
    assert found.weights is not None and found.groups is not None
    total = np.bincount(np.unique(found.groups, return_inverse=True)[1], found.weights.numpy())
    assert sorted((total / total.sum()).tolist(), reverse=True) == pytest.approx(list(shares))
    assert float(found.weights.mean()) == pytest.approx(1)


def test_targets_count_by_their_labels_beside_their_weights():
    found = with_task_sampling(prepared(of_tasks=False), "proportional", None, of_tasks=False)
    assert found.target_weights == pytest.approx({"often": 1.6, "seldom": 0.4})
    alike = with_task_sampling(prepared(of_tasks=False), "round-robin", None, of_tasks=False)
    assert alike.target_weights == pytest.approx({"often": 1, "seldom": 1})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task_sampling": "sometimes"}, "`task_sampling` is 'sometimes'"),
        (
            {"task_sampling": "temperature", "sampling_temperature": 0},
            "`sampling_temperature` must be above 0",
        ),
        ({"sampling_temperature": 3}, "used with `task_sampling='temperature'` alone"),
        ({"task_sampling": "round-robin", "balancing": "upgrad"}, "`task_sampling` is not used with"),
    ],
)
def test_what_does_not_fit_is_named(settings, message):
    with pytest.raises(InputError, match=message):
        FitSettings.checked(settings)


def test_sampling_needs_several_tasks():
    table = pd.DataFrame({"x": range(40), "y": np.arange(40.0), "shop": [0, 1] * 20})
    with pytest.raises(InputError, match="the target 'y' is the only one"):
        plan(table, "y", drop="shop", task_sampling="round-robin")
    with pytest.raises(InputError, match="`architecture='mmoe'` does not take"):
        plan(table.assign(z=1.5), ["y", "z"], task_sampling="progress", architecture="mmoe")
    with pytest.raises(InputError, match="`architecture='mmoe'` does not take"):
        plan(table, "y", task_column="shop", task_sampling="round-robin", architecture="mmoe")


def test_a_fit_follows_the_small_tasks_more_where_all_count_alike():
    draw = np.random.default_rng(1)
    shop = np.repeat(np.arange(20), [60] * 4 + [5] * 16)
    x = draw.normal(size=len(shop))
    table = pd.DataFrame({"shop": shop, "x": x, "y": np.where(shop < 4, 1.0, -1.0) * (1 + 0.1 * x)})
    means = {}
    for law in ("proportional", "round-robin"):
        model = polytask.fit(
            table, "y", task_column="shop", task_sampling=law,
            epochs=20, folds=2, width=4, depth=1, bins=0, baselines=False,
        )  # fmt: skip
        assert model.data["task_sampling"] == law
        means[law] = model.pooled.predict(table)["y"].mean()
    assert means["proportional"] > 0 > means["round-robin"]


@pytest.mark.parametrize("law", ["loss", "progress"])
def test_tasks_of_a_column_count_by_how_far_they_have_come_also_after_a_stop(law, tmp_path):
    draw = np.random.default_rng(1)
    shop = np.repeat(np.arange(8), [40] * 2 + [10] * 6)
    x = draw.normal(size=len(shop))
    table = pd.DataFrame({"shop": shop, "x": x, "y": np.where(shop < 2, 5.0, 1.0) * x})

    def fitted(epochs, **settings):
        return polytask.fit(
            table, "y", task_column="shop", epochs=epochs, folds=2, width=4, depth=1, bins=0,
            baselines=False, **settings,
        )  # fmt: skip

    followed, plain = (fitted(4, task_sampling=one) for one in (law, None))
    assert followed.data["task_sampling"] == law
    assert not np.allclose(followed.pooled.predict(table)["y"], plain.pooled.predict(table)["y"])
    again = fitted(4, task_sampling=law, resume_folder=tmp_path / "work")
    pd.testing.assert_frame_equal(again.predict(table), followed.predict(table))
