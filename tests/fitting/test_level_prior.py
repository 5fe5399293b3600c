"""The baseline of levels: its estimates on drawn tasks, and the posterior by its closed form."""

import numpy as np

from polytask.fitting.level_prior import LevelPrior


def test_it_finds_the_variances_that_tasks_were_drawn_with() -> None:
    draw = np.random.default_rng(0)
    task = np.repeat(np.arange(2000), draw.integers(2, 8, 2000))
    labels = 3 + 2 * draw.normal(size=2000)[task] + 0.5 * draw.normal(size=len(task))
    prior = LevelPrior.of(labels, task)
    np.testing.assert_allclose([prior.mean, prior.between, prior.within], [3, 4, 0.25], rtol=0.1)


def test_its_answers_are_the_posterior_of_a_normal_level() -> None:
    prior = LevelPrior(mean=1.0, between=4.0, within=1.0)
    mean, variance = prior.predictions(np.array([3.0, 5.0]), np.array([1, 1]), np.array([0, 1]))
    # A level with prior N(1, 4) and two labels of noise 1: precision 1/4 + 2.
    np.testing.assert_allclose(mean, [1.0, 1 + (2 + 4) / (1 / 4 + 2)])
    np.testing.assert_allclose(variance, [4 + 1, 1 / (1 / 4 + 2) + 1])


def test_tasks_that_are_all_alike_have_hardly_a_level() -> None:
    draw = np.random.default_rng(1)
    task = np.repeat(np.arange(500), 5)
    prior = LevelPrior.of(draw.normal(size=len(task)), task)
    assert prior.between < 0.02 and abs(prior.within - 1) < 0.1
