"""A generated world: what its labels follow from, and what an oracle can do with it."""

import numpy as np
import pytest

from polytask.core import DataError
from polytask.datasets import factor_world


def test_every_row_has_one_label_and_every_target_as_many_as_asked():
    world = factor_world(n_tasks=5, n_inputs=4, n_labels=7, n_test=11)
    known = world.table[list(world.targets)].notna()
    assert (known.sum(axis=1) == 1).all() and (known.sum(axis=0) == 7).all()
    assert world.test.shape == (11, 9) and not world.test.isna().any().any()


@pytest.mark.parametrize("kindred", [True, False])
def test_without_noise_targets_are_exactly_what_the_factors_say(kindred):
    world = factor_world(n_tasks=4, n_inputs=6, n_labels=8, noise=0.0, kindred=kindred, seed=3)
    for frame in (world.table, world.test):
        for task, name in enumerate(world.targets):
            rows = frame[frame[name].notna()]
            told = world.factors(rows, task) @ world.strengths[task]
            np.testing.assert_allclose(rows[name].to_numpy(), told, rtol=1e-12)


def test_kindred_tasks_share_what_the_factors_look_at_and_others_do_not():
    shared, own = factor_world(n_tasks=3), factor_world(n_tasks=3, kindred=False)
    assert (shared.directions == shared.directions[:1]).all()
    assert abs(np.corrcoef(own.directions.reshape(3, -1)) - np.eye(3)).max() < 0.5
    np.testing.assert_array_equal(shared.strengths, own.strengths)


def test_noise_has_the_deviation_that_was_asked():
    noisy, clean = (factor_world(n_labels=200, noise=noise, seed=1) for noise in (0.5, 0.0))
    names = list(noisy.targets)
    errors = (noisy.table[names] - clean.table[names]).to_numpy()
    assert np.nanstd(errors) == pytest.approx(0.5, rel=0.05)


def test_the_seed_decides_everything():
    assert factor_world(seed=4).table.equals(factor_world(seed=4).table)
    assert not factor_world(seed=4).table.equals(factor_world(seed=5).table)


def test_numbers_out_of_range_are_refused_together():
    with pytest.raises(DataError, match=r"`n_tasks` must be at least 1, got 0; `noise` must be at least 0"):
        factor_world(n_tasks=0, noise=-1)
