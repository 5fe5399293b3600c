"""Networks of rows on new tasks: densities as `predict` tells them, levels beside, tasks that were known."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from tests.estimators.test_learn_tasks import SETTINGS, bows

import polytask
from polytask.core import DataError, DataWarning
from polytask.models import InContextModel


@pytest.fixture(scope="module")
def model() -> InContextModel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = polytask.learn(bows(12, 8), learner="cnp", steps=20, learning_rate=3e-3, **SETTINGS)
    assert isinstance(found, InContextModel)
    return found


def test_figures_are_those_of_predictions_by_the_known_rows(model):
    new = bows(1, 3, first=500)
    found = model.evaluate(new, seed=1)
    assert list(found.index) == [0, 1] and list(found["tasks"]) == [1, 1]
    ways = []
    for row in range(3):  # which one of the three is known is up to the seed
        known, asked = new.iloc[[row]], new.drop(new.index[row])
        answers = model.adapt(known).predict(asked, log_density=True)
        error = float(np.sqrt(np.square(answers["sold"] - asked["sold"]).mean()))
        ways.append((answers["sold:log_density"].mean(), error))
    assert (found.loc[1, "log_density"], found.loc[1, "rmse"]) in [
        (pytest.approx(density), pytest.approx(error)) for density, error in ways
    ]
    assert found["log_density_half_width"].isna().all()  # of one task


def test_more_known_rows_and_levels_are_told_of_many_tasks(model):
    found = model.evaluate(bows(30, 30, first=500))
    assert list(found.index) == [0, 1, 5, 20] and (found["tasks"] == 30).all()
    assert found["inside_90"].between(0.5, 1).all() and (found["rmse_half_width"] > 0).all()
    assert {"levels_log_density", "levels_rmse"} <= set(found.columns)
    pd.testing.assert_frame_equal(found, model.evaluate(bows(30, 30, first=500)))


def test_tasks_that_the_network_knows_are_told(model):
    with pytest.warns(DataWarning, match="The model knows 12 tasks of the table.*Measure with new tasks"):
        model.evaluate(bows(12, 8))
    kept = model.adapt(bows(1, 4, first=900))
    with pytest.warns(DataWarning, match="knows 1 task of"):
        told = kept.evaluate(bows(1, 8, first=900))
    np.testing.assert_allclose(told["rmse"], model.evaluate(bows(1, 8, first=900))["rmse"])


def test_a_table_that_judges_nothing_is_refused(model):
    with pytest.raises(DataError, match="no column of the targets"):
        model.evaluate(bows(2, 3, first=500).drop(columns="sold"))
    with pytest.raises(DataError, match="no column 'shop'"):
        model.evaluate(bows(2, 3, first=500).drop(columns="shop"))


def test_a_prior_is_judged_on_one_table():
    def prior(generator):
        x = torch.rand(6, 1, generator=generator)
        return x, x[:, 0] + torch.randn((), generator=generator)

    found = polytask.learn(prior, steps=2, width=8, progress=False).evaluate(
        pd.DataFrame({"x": np.linspace(0, 1, 10), "y": np.linspace(1, 2, 10)})
    )
    assert list(found.index) == [0, 1, 5] and "levels_rmse" not in found.columns
