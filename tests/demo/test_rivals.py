"""The simple ways that the demo compares with, against closed forms."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from polytask.datasets import factor_world
from polytask.demo.rivals import _alternating, mean_r2, own_ridge, reduced_rank_ridge


def test_the_explained_share_is_averaged_over_tasks():
    truth = np.array([[0.0, 1.0], [2.0, 3.0]])
    assert mean_r2(truth, truth) == 1
    assert mean_r2(np.stack([truth[:, 0], truth[:, 1].mean() * np.ones(2)], 1), truth) == pytest.approx(0.5)


def test_a_task_alone_learns_nothing_from_labels_of_others():
    draw = np.random.default_rng(0)
    inputs, new = draw.normal(size=(30, 3)), draw.normal(size=(5, 3))
    labels = draw.normal(size=(30, 2))
    labels[15:, 0] = np.nan
    changed = labels.copy()
    changed[:, 1] = 7 - changed[:, 1]
    first, second = (own_ridge([inputs] * 2, one, [new] * 2) for one in (labels, changed))
    np.testing.assert_array_equal(first[:, 0], second[:, 0])
    assert not np.allclose(first[:, 1], second[:, 1])


def test_with_full_rank_each_task_gets_a_least_squares_fit():
    """With as many directions as inputs and no penalty to speak of, nothing is common to the tasks."""
    draw = np.random.default_rng(1)
    inputs = draw.normal(size=(80, 3))
    labels = inputs @ draw.normal(size=(3, 4)) + 0.1 * draw.normal(size=(80, 4))
    rows, tasks = np.nonzero(~np.isnan(labels))
    basis, strengths, means = _alternating(inputs[rows], tasks, labels[rows, tasks], 4, 3, 1e-9)
    wanted = np.stack(
        [
            Ridge(alpha=1e-9, fit_intercept=False).fit(inputs, labels[:, t] - labels[:, t].mean()).coef_
            for t in range(4)
        ]
    )
    np.testing.assert_allclose(means, labels.mean(0))
    np.testing.assert_allclose(strengths @ basis.T, wanted, atol=1e-6)


def test_a_common_rank_beats_tasks_alone_where_the_world_is_linear_and_kindred():
    draw = np.random.default_rng(2)
    inputs, new = draw.normal(size=(200, 12)), draw.normal(size=(300, 12))
    truth = draw.normal(size=(12, 2)) @ draw.normal(size=(2, 20))
    labels = np.full((200, 20), np.nan)
    owner = np.arange(200) % 20
    labels[np.arange(200), owner] = (inputs @ truth)[np.arange(200), owner]
    common = mean_r2(reduced_rank_ridge(inputs, labels, new, rank=2), new @ truth)
    alone = mean_r2(own_ridge([inputs] * 20, labels, [new] * 20), new @ truth)
    assert common > alone + 0.2, (common, alone)


def test_an_oracle_that_is_told_the_factors_knows_nearly_everything():
    world = factor_world(n_tasks=10, seed=5)
    names, tasks = list(world.targets), range(10)
    known, new = ([world.factors(frame, task) for task in tasks] for frame in (world.table, world.test))
    assert mean_r2(own_ridge(known, world.table[names].to_numpy(), new), world.test[names].to_numpy()) > 0.9
