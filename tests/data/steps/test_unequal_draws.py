"""Draws of several items, each with its own probability."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, norm

from polytask.data.steps.unequal_draws import draw, inclusion

SHARES = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=12).map(np.array)


def draws(chances: np.ndarray, n_draws: int, seed: int) -> np.ndarray:
    numbers = np.random.default_rng(seed)
    return np.stack([draw(chances, numbers) for _ in range(n_draws)])


@settings(max_examples=200, deadline=None)
@given(SHARES, st.data())
def test_chances_sum_to_the_number_drawn_and_are_proportional_below_one(shares, data):
    n_drawn = data.draw(st.integers(1, len(shares)))
    chances = inclusion(shares, n_drawn)
    assert chances.sum() == pytest.approx(n_drawn)
    assert (chances > 0).all() and (chances <= 1).all()
    rates = (chances / shares)[chances < 1]
    assert np.allclose(rates, rates[:1].repeat(len(rates)), rtol=1e-9)


@settings(max_examples=200, deadline=None)
@given(SHARES, st.data())
def test_every_draw_has_the_same_number_of_different_items(shares, data):
    n_drawn = data.draw(st.integers(1, len(shares)))
    drawn = draws(inclusion(shares, n_drawn), 50, data.draw(st.integers(0, 99)))
    assert drawn.shape == (50, len(shares)) and (drawn.sum(1) == n_drawn).all()


@pytest.mark.parametrize("small", [1e-9, 1e-17, 1e-100])
def test_a_small_share_stays_possible(small):
    assert (inclusion(np.array([1.0, small, 1.0]), 2) > 0).all()


def test_one_item_is_drawn_as_often_as_its_chance_says():
    chances = np.array([0.02, 0.08, 0.2, 0.3, 0.4])
    counts = draws(chances, 20_000, 0).sum(0)
    assert chisquare(counts, 20_000 * chances).pvalue > 0.01


def test_several_items_are_drawn_as_often_as_their_chances_say():
    chances = inclusion(np.array([1.0, 2.0, 3.0, 5.0, 30.0]), 3)
    counts = draws(chances, 20_000, 1).sum(0)
    assert counts[-1] == 20_000
    spread = np.sqrt(20_000 * chances * (1 - chances))[:-1]
    # Bonferroni over the four that are drawn at random.
    assert (abs(counts - 20_000 * chances)[:-1] / spread < norm.ppf(1 - 0.01 / 8)).all()


def test_neighbours_on_the_line_are_drawn_together_too():
    drawn = draws(np.full(6, 1 / 3), 500, 0).astype(int)
    assert (drawn.T @ drawn > 0).all()
