"""Shares of classes that differ by task: the Dirichlet and multinomial distribution."""

import numpy as np
import pytest
from scipy.stats import dirichlet_multinomial

from polytask.fitting.class_levels import ClassLevels, _likelihood


def test_the_likelihood_is_that_of_counts_but_for_their_order():
    counts, prior = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 5.0]]), np.array([0.5, 1.5, 2.0])
    exact = [dirichlet_multinomial.logpmf(row.astype(int), prior, int(row.sum())) for row in counts]
    from scipy.special import gammaln

    orders = (gammaln(counts.sum(1) + 1) - gammaln(counts + 1).sum(1)).sum()
    assert _likelihood(counts, np.broadcast_to(prior, counts.shape)) == pytest.approx(sum(exact) - orders)


def test_strength_and_mean_are_found_again():
    draw = np.random.default_rng(0)
    for strength in (2.0, 30.0):
        shares = draw.dirichlet(strength * np.array([0.6, 0.3, 0.1]), size=600)
        codes = np.concatenate([draw.choice(3, size=20, p=one) for one in shares])
        found = ClassLevels.of(codes, np.repeat(np.arange(600), 20), 3)
        assert 0.6 * strength < found.strength < 1.6 * strength
        assert found.mean is not None
        np.testing.assert_allclose(found.mean, [0.6, 0.3, 0.1], atol=0.03)


def test_answers_are_counts_and_the_mean_and_own_classes_are_those_that_are_known():
    shared = ClassLevels(mean=np.array([0.5, 0.25, 0.25]), strength=4.0)
    found = np.exp(shared.log_probabilities(np.array([0, 0]), np.array([5, 5]), np.array([5, 9]), 3))
    np.testing.assert_allclose(found, [[4 / 6, 1 / 6, 1 / 6], [0.5, 0.25, 0.25]])
    own = ClassLevels(mean=None, strength=2.0)
    known, of_known = np.array([1, 2, 2]), np.array([5, 5, 5])
    np.testing.assert_allclose(
        np.exp(own.log_probabilities(known, of_known, np.array([5]), 4)), [[0, 2 / 5, 3 / 5, 0]]
    )
