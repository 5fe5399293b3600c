"""Copies of networks that learn on for one new target."""

import numpy as np
import pandas as pd
import pytest
import torch

import polytask
from polytask.core import InputError
from polytask.models import TableModel
from polytask.models.network_stack import StackedEnsemble

N_ROWS = 240
FEATURES = [f"x{index}" for index in range(4)]


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    """Known targets of the first two features, and a new one that is a bend of the third."""
    draw = np.random.default_rng(0)
    table = pd.DataFrame(draw.normal(size=(N_ROWS, 4)), columns=FEATURES)
    table["y0"] = np.tanh(table["x0"] + table["x1"])
    table["y1"] = np.tanh(table["x0"] - table["x1"])
    table["kin"] = table["y0"] + table["y1"]
    table["bend"] = np.sin(2 * table["x2"]) + 0.05 * draw.normal(size=N_ROWS)
    table["sign"] = np.where(table["bend"] > 0, "up", "down")
    return table


@pytest.fixture(scope="module")
def model(world: pd.DataFrame) -> TableModel:
    settings = {"epochs": 25, "width": 16, "bins": 0, "folds": 2, "learning_rate": 0.01}
    return polytask.fit(world[[*FEATURES, "y0", "y1"]], ["y0", "y1"], baselines=False, **settings)


def extended(model: TableModel, world: pd.DataFrame, target: str, *, tune: bool, n_labels: int = 120):
    labelled = world[target].where(np.arange(N_ROWS) < n_labels)
    found, (result,) = polytask.extend(model, world[FEATURES].assign(**{target: labelled}), target, tune=tune)
    return found, result


@pytest.fixture(scope="module")
def bent(world, model):
    """The model with "bend", tuned for it, and its figures."""
    return extended(model, world, "bend", tune=True)


def error(model: TableModel, world: pd.DataFrame, target: str) -> float:
    rest = world[120:]
    return float((model.predict(rest[FEATURES])[target] - rest[target]).std() / rest[target].std())


def test_what_the_known_targets_do_not_depend_on_is_learned_by_tuning(world, model, bent) -> None:
    frozen, before = extended(model, world, "bend", tune=False)
    tuned, result = bent
    assert error(tuned, world, "bend") < 0.8 * error(frozen, world, "bend")
    assert result.joint["rmse"].mean < before.joint["rmse"].mean
    assert result.parts["tuned"] > 0.5 and sum(result.parts.values()) == pytest.approx(1)
    # Figures of held-out rows are honest: new rows show the same.
    assert result.joint["rmse"].mean / world["bend"].std() == pytest.approx(
        error(tuned, world, "bend"), rel=0.6
    )


def test_tuning_does_no_harm_where_frozen_networks_are_enough(world, model) -> None:
    tuned, _ = extended(model, world, "kin", tune=True, n_labels=25)
    frozen, result = extended(model, world, "kin", tune=False, n_labels=25)
    assert set(result.parts) == {"frozen", "linear"}
    assert error(tuned, world, "kin") < 1.2 * error(frozen, world, "kin")


def test_old_answers_stay_bit_for_bit_and_bundles_hold_the_copies(world, model, tmp_path) -> None:
    found, result = extended(model, world, "sign", tune=True)
    before, after = model.predict(world), found.predict(world, intervals=0.8)
    pd.testing.assert_frame_equal(after[before.columns], before, check_exact=True)
    assert result.parts["tuned"] > 0 and (after["sign"] == world["sign"])[120:].mean() > 0.75
    found.save(tmp_path / "model")
    again = TableModel.load(tmp_path / "model").predict(world, intervals=0.8)
    pd.testing.assert_frame_equal(again, after, check_exact=True)


def test_as_many_networks_are_kept_as_there_were(bent) -> None:
    found, _ = bent
    added = [
        one
        for one in found.learner.members
        if isinstance(one, StackedEnsemble) and "bend" in one.plan.targets
    ]
    assert {one.plan.n_networks for one in added} <= {1, 2}  # the linear one, and those of two folds
    own = [one for one in added if one.plan.depth]
    layers = {tuple(one.stacks[0].weights[0].flatten()[:5].tolist()) for one in own}
    assert len(layers) == len(own)  # tuned layers are not those of the frozen ones


def test_the_same_seed_tunes_alike_and_the_global_generator_is_left_alone(world, model, bent) -> None:
    state = torch.get_rng_state()
    again, _ = extended(model, world, "bend", tune=True)
    pd.testing.assert_frame_equal(again.predict(world), bent[0].predict(world), check_exact=True)
    assert torch.equal(state, torch.get_rng_state())


def test_tuning_is_asked_by_a_truth_value(world, model) -> None:
    with pytest.raises(InputError, match="`tune` must be True or False, got 'yes'"):
        polytask.extend(model, world[[*FEATURES, "bend"]], "bend", tune="yes")
