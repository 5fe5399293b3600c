"""A new target of a fitted model, learned from few labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import polytask
from polytask.core import DataError, InputError
from polytask.models import TableModel
from polytask.models.table_ensemble import TableEnsemble

N_ROWS, N_FEATURES = 160, 8


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    """Targets that all depend on two hidden numbers."""
    draw = np.random.default_rng(0)
    features = draw.normal(size=(N_ROWS, N_FEATURES))
    hidden = np.tanh(features @ draw.normal(size=(N_FEATURES, 2)) / 2)
    table = pd.DataFrame(features, columns=[f"x{index}" for index in range(N_FEATURES)])
    for index in range(5):
        table[f"y{index}"] = hidden @ draw.normal(size=2) + 0.05 * draw.normal(size=N_ROWS)
    table["new"] = hidden @ draw.normal(size=2)
    table["kind"] = np.where(table["new"] > 0, "high", "low")
    return table


@pytest.fixture(scope="module")
def model(world: pd.DataFrame) -> TableModel:
    """A model of the five known targets."""
    targets = [f"y{index}" for index in range(5)]
    return polytask.fit(
        world.drop(columns=["new", "kind"]), targets, epochs=40, width=16, bins=0, folds=2, baselines=False
    )


def _features(world: pd.DataFrame) -> pd.DataFrame:
    return world[[f"x{index}" for index in range(N_FEATURES)]].copy()


def test_few_labels_teach_what_the_known_targets_depend_on(world: pd.DataFrame, model: TableModel) -> None:
    table = _features(world)
    table["new"] = world["new"].where(np.arange(N_ROWS) < 12)
    extended, (result,) = polytask.extend(model, table, "new")
    rest = slice(12, None)
    errors = extended.predict(table)["new"][rest] - world["new"][rest]
    own = np.linalg.lstsq(np.c_[table.iloc[:12, :N_FEATURES], np.ones(12)], world["new"][:12], rcond=None)[0]
    own_errors = np.c_[table.iloc[rest, :N_FEATURES], np.ones(N_ROWS - 12)] @ own - world["new"][rest]
    assert errors.std() < 0.8 * own_errors.std()
    assert result.joint["rmse"].mean < result.baseline["rmse"].mean


def test_known_targets_answer_bit_for_bit_as_before_also_from_disk(
    world: pd.DataFrame, model: TableModel, tmp_path: Path
) -> None:
    table = _features(world)
    table["kind"] = world["kind"].where(np.arange(N_ROWS) < 20)
    extended, _ = polytask.extend(model, table, {"kind": None})
    before, after = model.predict(table), extended.predict(table)
    pd.testing.assert_frame_equal(after[before.columns], before, check_exact=True)
    assert (after["kind"] == world["kind"])[20:].mean() > 0.8
    extended.save(tmp_path / "model")
    loaded = TableModel.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(table), after, check_exact=True)
    assert [target.task.name for target in model.targets] == [f"y{index}" for index in range(5)]


def test_an_extended_model_can_be_extended(world: pd.DataFrame, model: TableModel) -> None:
    table = _features(world).assign(new=world["new"], kind=world["kind"]).head(30)
    once, _ = polytask.extend(model, table, "new")
    twice, _ = polytask.extend(once, table, "kind")
    assert twice.predict(table)["new"].equals(once.predict(table)["new"])


def test_what_is_learned_does_not_hang_on_what_was_added_before(
    world: pd.DataFrame, model: TableModel, tmp_path: Path
) -> None:
    # 12 labels, of which networks learn better than a linear model: they are kept, and must not be extended
    table = _features(world).assign(new=world["new"].where(np.arange(N_ROWS) < 12), kind=world["kind"])
    table["again"] = -table["new"]
    alone, _ = polytask.extend(model, table, "new")
    once, _ = polytask.extend(model, table, "again")
    once.save(tmp_path / "once")
    twice, _ = polytask.extend(TableModel.load(tmp_path / "once"), table, "new")
    together, _ = polytask.extend(model, table, ["again", "new"])
    expected = alone.predict(table)["new"]
    assert twice.predict(table)["new"].equals(expected)
    assert together.predict(table)["new"].equals(expected)
    assert isinstance(model.learner, TableEnsemble) and isinstance(alone.learner, TableEnsemble)
    assert isinstance(twice.learner, TableEnsemble)
    kept = len(alone.learner.members) - len(model.learner.members)
    assert len(twice.learner.members) == len(model.learner.members) + 2 * kept
    assert twice.data["extended"] == ["again", "new"]


def test_a_feature_is_no_new_target(world: pd.DataFrame, model: TableModel) -> None:
    with pytest.raises(InputError, match="reads 'x3' as a feature"):
        polytask.extend(model, _features(world), "x3:regression")


def test_a_new_target_leaves_the_columns_of_intervals_alone(world: pd.DataFrame, model: TableModel) -> None:
    table = _features(world).assign(**{"y0:low": world["new"]})
    with pytest.raises(DataError, match="both be called 'y0:low'"):
        polytask.extend(model, table, "y0:low")


@pytest.mark.parametrize("given", ["runs/model", polytask.MultiTaskEstimator()])
def test_what_is_no_table_model_is_named(world: pd.DataFrame, given: Any) -> None:
    with pytest.raises(InputError, match="not a table model"):
        polytask.extend(given, _features(world), "new")


def test_what_cannot_be_extended_is_refused_with_the_reason(world: pd.DataFrame, model: TableModel) -> None:
    table = _features(world)
    with pytest.raises(InputError, match="has a target 'y0' already"):
        polytask.extend(model, table.assign(y0=world["y0"]), "y0")
    few = table.assign(new=world["new"].where(np.arange(N_ROWS) < 3))
    with pytest.raises(DataError, match="'new' has 3 labels, but 4"):
        polytask.extend(model, few, "new")
    soft = polytask.fit(
        world.drop(columns=["new", "kind"]).head(40), ["y0", "y1"], architecture="soft", epochs=1, width=4,
        folds=2, baselines=False, drop=["y2", "y3", "y4"],
    )  # fmt: skip
    with pytest.raises(InputError, match="no networks of hard sharing"):
        polytask.extend(soft, table.assign(new=world["new"]), "new")
