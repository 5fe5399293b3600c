"""Fitting a table, from data frame to saved model."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch

import polytask
from polytask.core import DataWarning, InputError
from polytask.data import penguins_table
from polytask.estimators import TableModel
from polytask.estimators.table_config import SharingName


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(240, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame["colour"] = draw.choice(["red", "green", "blue"], 240)
    frame["total"] = 100 + 20 * (x[:, 0] + x[:, 1]) + draw.normal(size=240)
    frame["sign"] = np.where(x[:, 0] - x[:, 2] > 0, "plus", "minus")
    frame["band"] = pd.cut(x[:, 1], [-9, -0.5, 0.5, 9], labels=["low", "middle", "high"]).astype(str)
    frame.loc[::7, "total"] = np.nan
    frame.loc[::5, "sign"] = None
    frame.loc[::9, "a"] = np.nan
    return frame


@pytest.fixture(scope="module")
def model(table) -> TableModel:
    return polytask.fit(table, ["total", "sign", "band:multiclass"], seeds=2, epochs=40, patience=15)


def test_joint_training_learns_all_three_kinds(model):
    found = {result.task: result for result in model.results.tasks}
    assert {name: result.kind for name, result in found.items()} == {
        "total": "regression",
        "sign": "binary",
        "band": "multiclass",
    }
    assert found["total"].joint["rmse"].mean < 18  # the target's standard deviation is about 28
    assert found["sign"].joint["accuracy"].mean > 0.75
    assert found["band"].joint["accuracy"].mean > 0.7


def test_the_comparison_is_complete(model):
    results = model.results
    assert results.n_seeds == 2 and results.delta_m is not None and results.delta_m.n == 2
    assert all(result.separate and result.gain is not None for result in results.tasks)
    assert results.n_parameters["separate"] > results.n_parameters["joint"]


def test_predictions_are_in_units_and_names_of_the_table(model, table):
    answers = model.predict(table)
    assert answers.index.equals(table.index)
    assert set(answers["sign"]) <= {"plus", "minus"} and set(answers["band"]) <= {"low", "middle", "high"}
    assert abs(answers["total"].mean() - 100) < 15
    np.testing.assert_allclose(answers[["sign:p(minus)", "sign:p(plus)"]].sum(axis=1), 1, rtol=1e-5)


def test_a_loaded_model_predicts_the_same(model, table, tmp_path):
    model.save(tmp_path / "model")
    loaded = polytask.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(table), model.predict(table))
    assert loaded.data["fingerprint"] == model.data["fingerprint"]


def test_predicting_a_file_equals_predicting_the_frame(model, table, tmp_path):
    table.to_csv(tmp_path / "rows.csv", index=False)
    from_file = model.predict(tmp_path / "rows.csv")
    pd.testing.assert_frame_equal(from_file, model.predict(table), check_dtype=False, atol=1e-4)


def test_a_new_category_and_a_missing_column_are_handled_and_reported(model, table):
    strange = table.head(6).assign(colour="violet").drop(columns="b")
    with pytest.warns(DataWarning) as caught:
        answers = model.predict(strange)
    text = " ".join(str(warning.message) for warning in caught)
    assert "violet" in text and "'b'" in text
    assert answers.notna().all(axis=None)


def test_the_same_seed_gives_the_same_model(table):
    first, second = (
        polytask.fit(table, ["total", "band"], seeds=1, epochs=3, baselines=False, seed=5) for _ in range(2)
    )
    for name, tensor in first.learner.state_dict().items():
        assert torch.equal(tensor, second.learner.state_dict()[name])
    assert first.results.tasks == second.results.tasks


def test_a_checkpointed_fit_that_is_called_again_gives_the_same_model(table, tmp_path):
    arguments = {"seeds": 1, "epochs": 3, "baselines": False}
    plain = polytask.fit(table, ["total", "band"], **arguments)
    for _ in range(2):
        again = polytask.fit(table, ["total", "band"], checkpoint=tmp_path / "work", **arguments)
        for name, tensor in plain.learner.state_dict().items():
            assert torch.equal(tensor, again.learner.state_dict()[name])


@pytest.mark.parametrize("balancing", ["uncertainty", "upgrad", "auto-lambda", "famo", "moco"])
def test_a_table_is_balanced_in_any_way(table, balancing):
    model = polytask.fit(
        table, ["total", "sign"], balancing=balancing, seeds=1, epochs=2, baselines=False, width=8
    )
    assert model.predict(table.head(3)).notna().all(axis=None)


@pytest.mark.parametrize("sharing", get_args(SharingName))
def test_a_table_is_shared_in_any_way_and_its_model_comes_back(table, sharing, tmp_path):
    model = polytask.fit(table, ["total", "sign", "band"], sharing=sharing, seeds=1, epochs=2, width=8)
    model.save(tmp_path / "model")
    again = polytask.load(tmp_path / "model")
    pd.testing.assert_frame_equal(again.predict(table.head(5)), model.predict(table.head(5)))


def test_progressive_sharing_needs_two_layers(table):
    with pytest.raises(InputError, match="'ple' needs a `depth` of 2 or more, got 1"):
        polytask.fit(table, ["total", "sign"], sharing="ple", depth=1)


def test_groups_are_never_split(table):
    grouped = table.assign(person=np.arange(len(table)) // 6)
    model = polytask.fit(grouped, ["total"], group="person", seeds=1, epochs=2)
    assert "person" not in model.encoder.columns


def test_later_rows_are_the_test_rows(table):
    timed = table.assign(day=pd.date_range("2020-01-01", periods=len(table)))
    model = polytask.fit(timed, ["total"], time_column="day", seeds=1, epochs=2)
    assert model.results.rows["test"] == 41  # a fifth of the 205 rows with a label


@pytest.mark.parametrize(
    ("targets", "settings", "message"),
    [
        (["totl"], {}, "totl.*total"),
        (["total"], {"epoch": 3}, "no setting epoch"),
        (["total"], {"width": 0, "dropout": 2}, "`width`.*`dropout`"),
        (["total"], {"seeds": 0}, "`seeds` must be at least 1"),
        ("total", {}, "`targets` must be a list"),
        (["total"], {"group": "nobody"}, "`group` 'nobody'"),
        (["total"], {"balancing": "magic"}, "'magic'.*upgrad"),
        (["total"], {"precision": "16-mixed"}, "`precision`"),
    ],
)
def test_a_wrong_setting_is_named(table, targets, settings, message):
    with pytest.raises(InputError, match=message):
        polytask.fit(table, targets, **{"seeds": 1, "epochs": 1, **settings})


def test_a_class_seen_only_in_held_out_rows_is_named(table):
    rare = table.assign(person=np.arange(len(table)) // 24, kind="common")
    rare.loc[rare["person"] == 0, "kind"] = "rare"
    rare.loc[rare["person"] == 1, "kind"] = "other"
    with pytest.raises(InputError, match=r"rare|other"):
        # Ten groups: for some split the only group of a class is held out.
        polytask.fit(rare, ["kind"], group="person", seeds=12, epochs=1, baselines=False)


def test_penguins_are_predicted_better_than_by_chance():
    model = polytask.fit(penguins_table(), ["species", "body_mass_g"], seeds=1, epochs=30, baselines=False)
    found = {result.task: result.joint for result in model.results.tasks}
    assert found["species"]["accuracy"].mean > 0.9
    assert found["body_mass_g"]["rmse"].mean < 500  # grams; the standard deviation is about 800
