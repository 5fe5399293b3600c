"""How much tasks with many and with few labels count."""

import numpy as np
import pandas as pd
import pytest
import torch
from tests.few_forms import few_forms

import polytask
from polytask.core import Batch, InputError, Task
from polytask.data.steps.joint import JointSource
from polytask.data.steps.sampling_law import sampling_shares
from polytask.data.steps.task_sampling import TaskSampling
from polytask.estimators.fit_table import plan
from polytask.fitting.fit_settings import FitSettings
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.fitting.task_shares import with_task_sampling
from polytask.models.task_table_results import DrawnTask, DrawnTasks

__all__ = ["few_forms"]


def prepared(*, of_tasks: bool) -> PreparedTable:
    x = np.random.default_rng(0).normal(size=100)
    table = pd.DataFrame({"x": x, "often": 2 * x, "seldom": np.where(np.arange(100) < 25, x, np.nan)})
    table["shop"] = np.repeat(["large", "small", "tiny"], [75, 20, 5])
    columns = Columns.of(["often"] if of_tasks else ["often", "seldom"], drop=() if of_tasks else ("shop",))
    if of_tasks:
        columns = Columns.of(["often"], group="shop")
    return prepare_table(table, columns, folds=2, repeats=1, seed=0)


def test_shares_are_how_often_task_sampling_draws():
    counts = {"a": 10, "b": 90, "c": 500}
    sources = {}
    for name, n_rows in counts.items():
        rows = Batch(inputs=torch.zeros(n_rows, 1), targets={name: torch.zeros(n_rows)})
        sources[name] = JointSource([Task(name=name, kind="regression")], rows, batch_size=4, seed=0)
    drawn = TaskSampling(sources, n_rows=counts, scheme="temperature").inclusion  # with the usual temperature
    shares = sampling_shares(np.array(list(counts.values())), "temperature")
    np.testing.assert_allclose(shares, list(drawn.values()))


@pytest.mark.parametrize(
    ("law", "temperature", "shares"),
    [
        ("round-robin", None, [1 / 3, 1 / 3, 1 / 3]),
        ("temperature", 2, np.sqrt([75, 20, 5]) / np.sqrt([75, 20, 5]).sum()),
    ],
)
def test_rows_that_judge_share_what_their_task_counts(law, temperature, shares):
    found = with_task_sampling(prepared(of_tasks=True), law, temperature, of_tasks=True)
    assert found.weights is not None and found.groups is not None
    total = np.bincount(np.unique(found.groups, return_inverse=True)[1], found.weights.numpy())
    assert sorted((total / total.sum()).tolist(), reverse=True) == pytest.approx(list(shares))
    assert float(found.weights.mean()) == pytest.approx(1)


@pytest.mark.parametrize(("law", "temperature"), [("proportional", None), ("temperature", 1), (None, None)])
def test_rows_in_proportion_are_all_rows_once_an_epoch(law, temperature):
    whole = prepared(of_tasks=True)
    assert with_task_sampling(whole, law, temperature, of_tasks=True) is whole


@pytest.mark.parametrize("law", ["temperature", "round-robin", "loss", "progress"])
def test_tasks_of_a_column_are_drawn(law):
    whole = prepared(of_tasks=True)
    found = with_task_sampling(whole, law, None, of_tasks=True)
    assert found.draws is not None and found.draws.law == law and whole.groups is not None
    assert len(np.unique(whole.groups * 10 + found.draws.task.numpy())) == found.draws.n_tasks == 3
    assert (found.weights is None) is (law in ("loss", "progress"))


@pytest.mark.parametrize("law", ["temperature", "round-robin", "loss"])
def test_targets_are_weighed_as_a_row_has_labels_of_several(law):
    assert with_task_sampling(prepared(of_tasks=False), law, None, of_tasks=False).draws is None


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
    ],
)
def test_what_does_not_fit_is_named(settings, message):
    with pytest.raises(InputError, match=message):
        FitSettings.checked(settings)


def test_what_each_target_counted_is_told():
    table = pd.DataFrame({"x": range(80), "y": np.arange(80.0)})
    table["z"] = np.where(np.arange(80) < 20, table["y"] % 7, np.nan)
    for law, shares in {"proportional": {"y": 0.8, "z": 0.2}, "loss": None}.items():
        planned = plan(table, ["y", "z"], task_sampling=law).to_json()
        assert planned["task_sampling"] == law and planned.get("shares_of_targets") == shares
    alone = plan(table, ["y", "z"], task_sampling="proportional", groups=[["y"], ["z"]])
    assert "`task_sampling` changes nothing, as each target is alone in its group" in alone.messages[-1]


def test_sampling_needs_several_tasks():
    table = pd.DataFrame({"x": range(40), "y": np.arange(40.0), "shop": [0, 1] * 20})
    with pytest.raises(InputError, match="the target 'y' is the only one"):
        plan(table, "y", drop="shop", task_sampling="round-robin")


def test_what_follows_from_losses_needs_networks_that_are_trained_at_once():
    table = pd.DataFrame({"x": range(40), "y": np.arange(40.0), "shop": [0, 1] * 20})
    for columns in ({"targets": ["y", "z"]}, {"targets": "y", "task_column": "shop"}):
        for trained in ({"architecture": "mmoe"}, {"balancing": "upgrad"}):
            with pytest.raises(InputError, match="are trained fold after fold"):
                plan(table.assign(z=1.5), **columns, task_sampling="progress", **trained)


def test_targets_are_weighed_by_the_law_or_by_a_balancing():
    table = pd.DataFrame(
        {"x": range(40), "y": np.arange(40.0), "z": np.arange(40.0) % 7, "shop": [0, 1] * 20}
    )
    given = {"task_sampling": "temperature", "balancing": "upgrad"}
    with pytest.raises(InputError, match="does itself"):
        plan(table, ["y", "z"], drop="shop", **given)
    assert plan(table, ["y", "z"], task_column="shop", **given)


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
    assert plain.results.drawn is None and followed.results.drawn.times > 0
    assert followed.data["task_sampling"] == law
    assert not np.allclose(followed.pooled.predict(table)["y"], plain.pooled.predict(table)["y"])
    again = fitted(4, task_sampling=law, resume_folder=tmp_path / "work")
    assert again.results.drawn == followed.results.drawn
    pd.testing.assert_frame_equal(again.predict(table), followed.predict(table))


def unlike_sizes() -> pd.DataFrame:
    draw = np.random.default_rng(1)
    shop = np.repeat(["a", "b", "c", "d", "e", "f"], [90, 40, 20, 10, 5, 5])
    x = draw.normal(size=len(shop))
    table = pd.DataFrame({"shop": shop, "x": x, "y": x, "z": np.where(np.arange(len(x)) % 3, -x, np.nan)})
    return table.sample(frac=1.0, random_state=0)


def small_fit(table, **settings):
    given = {"folds": 2, "width": 4, "depth": 1, "epochs": 3, "bins": 0, **settings}
    return polytask.fit(table, ["y", "z"], task_column="shop", **given)


@pytest.mark.parametrize("law", ["temperature", "round-robin"])
def test_a_fit_counts_what_it_drew_of_each_task_by_name(law, tmp_path):
    model = small_fit(unlike_sizes(), task_sampling=law, baselines=False)
    drawn = model.results.drawn
    assert [(one.task, one.rows) for one in drawn.tasks[:3]] == [("a", 90), ("b", 40), ("c", 20)]
    assert drawn.rows == 170 and drawn.n_tasks == 6 and drawn.times == sum(one.times for one in drawn.tasks)
    times = {one.task: one.times for one in drawn.tasks}
    if law == "round-robin":  # one of the two networks is trained on "a" alone, the other on all others
        assert times.pop("a") == drawn.times // 2
        assert set(times.values()) == {drawn.times // 10}
    else:
        assert times["a"] > times["f"] > drawn.times / 20
    assert model.results.to_json()["drawn"] == drawn.to_json()
    assert type(drawn).from_json(drawn.to_json()) == drawn
    loaded = polytask.load(model.save(tmp_path / "model"))
    loaded.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "How often tasks were drawn" in page and f"{drawn.times:,}" in page


def test_draws_do_not_change_with_groups_of_targets_or_in_a_second_fit():
    table = unlike_sizes()
    first, second = (small_fit(table, task_sampling="temperature", baselines=False) for _ in range(2))
    pd.testing.assert_frame_equal(first.predict(table), second.predict(table))
    assert first.results.drawn == second.results.drawn
    grouped = small_fit(table, task_sampling="temperature", groups=[["y"], ["z"]], baselines=False)
    assert grouped.results.drawn.times > first.results.drawn.times
    assert [one.task for one in grouped.results.drawn.tasks[:3]] == ["a", "b", "c"]


def test_proportional_is_the_fit_without_a_law_bit_for_bit():
    table = unlike_sizes()
    plain, *others = (
        small_fit(table, **settings)
        for settings in (
            {},
            {"task_sampling": "proportional"},
            {"task_sampling": "temperature", "sampling_temperature": 1},
        )
    )
    for one in others:
        assert one.results.drawn is None
        pd.testing.assert_frame_equal(one.predict(table), plain.predict(table), check_exact=True)


def test_of_very_many_tasks_the_largest_and_the_smallest_are_told():
    tasks = [DrawnTask(task=f"t{size}", rows=size, times=1) for size in range(1, 251)]
    found = DrawnTasks.of("temperature", tasks)
    assert len(found.tasks) == 100 and found.n_tasks == found.times == 250
    assert [one.rows for one in found.tasks[48:52]] == [202, 201, 50, 49]


@pytest.mark.trains
@pytest.mark.parametrize("architecture", ["tabm", "cross-stitch", "ple"])
def test_architectures_draw_tasks(architecture):
    given = {"architecture": architecture, "bins": None, "depth": 2, "epochs": 2, "baselines": False}
    drawn = small_fit(unlike_sizes(), task_sampling="round-robin", **given).results.drawn
    assert drawn.n_tasks == 6 and drawn.times == sum(one.times for one in drawn.tasks) > 0
    times = {one.task: one.times for one in drawn.tasks}
    assert times["b"] < 2 * times["f"] + 4  # though it has eight times as many rows


@pytest.mark.slow
@pytest.mark.trains
@pytest.mark.parametrize("way", [{"architecture": "mmoe"}, {"balancing": "upgrad"}])
def test_networks_that_are_trained_alone_follow_the_small_tasks_more_where_all_count_alike(way):
    draw = np.random.default_rng(1)
    shop = np.repeat(np.arange(20), [60] * 4 + [5] * 16)
    x = draw.normal(size=len(shop))
    y = np.where(shop < 4, 1.0, -1.0) * (1 + 0.1 * x)
    table = pd.DataFrame({"shop": shop, "x": x, "y": y, "z": -y})
    means = {}
    for law in (None, "round-robin"):
        model = polytask.fit(
            table, ["y", "z"], task_column="shop", task_sampling=law,
            epochs=40, folds=2, width=16, depth=1, baselines=False, **way,
        )  # fmt: skip
        means[law] = model.pooled.predict(table)["y"].mean()
    assert means[None] > 0 > means["round-robin"]


@pytest.mark.trains
def test_networks_that_are_trained_alone_draw_the_same_again_from_a_resume_folder(tmp_path):
    table, folder = unlike_sizes(), tmp_path / "work"
    given = {"architecture": "mmoe", "bins": None, "baselines": False, "task_sampling": "temperature"}
    whole = small_fit(table, **given)
    for _ in range(2):  # the second time everything is there already
        resumed = small_fit(table, **given, resume_folder=folder)
        assert resumed.results.drawn == whole.results.drawn
        pd.testing.assert_frame_equal(resumed.predict(table), whole.predict(table))
