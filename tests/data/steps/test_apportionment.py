"""Items taken as often as their chances say, counted in closed form."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.data.steps.apportionment import Apportionment
from polytask.data.steps.unequal_draws import inclusion

SHARES = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=40).map(np.array)
STEPS = st.integers(0, 10**12)


class Given:
    """Stands for a generator: gives fractions of the range it is asked for, one after the other."""

    def __init__(self, *fractions: float) -> None:
        self.fractions = list(fractions)

    def integers(self, below: int) -> int:
        return int(self.fractions.pop(0) * below)


@settings(max_examples=60, deadline=None)
@given(SHARES, STEPS, st.data())
def test_every_step_takes_the_same_number_and_no_item_is_far_from_its_share(shares, n_steps, data):
    n_drawn = data.draw(st.integers(1, len(shares)))
    chances = inclusion(shares, n_drawn)
    taken = Apportionment(chances, np.random.default_rng(data.draw(st.integers(0, 9)))).taken(n_steps)
    assert sum(taken) == n_steps * n_drawn
    # One for every time that the items are halved, and what floats lose in so many steps.
    assert (abs(np.array(taken) - n_steps * chances) <= 8 + 1e-12 * n_steps).all()


@settings(max_examples=60, deadline=None)
@given(SHARES, STEPS, st.data())
def test_a_block_of_steps_never_takes_an_item_less_than_not_at_all_or_twice_in_a_step(shares, first, data):
    chances = inclusion(shares, data.draw(st.integers(1, len(shares))))
    parts = Apportionment(chances, np.random.default_rng(data.draw(st.integers(0, 9))))
    more = np.array(parts.taken(first + 256)) - np.array(parts.taken(first))
    assert (more >= 0).all() and (more <= 256).all()


def test_two_items_are_taken_exactly_as_often_as_their_chances_say():
    offsets = [0.0, 0.25, 0.5, 0.75]
    for n_steps in (*range(10), 10**15 + 3):
        found = [Apportionment(np.array([0.25, 0.75]), Given(u)).taken(n_steps) for u in offsets]  # type: ignore[arg-type]
        assert sum(first for first, _ in found) == n_steps  # four times a quarter
        assert sum(second for _, second in found) == 3 * n_steps


def test_three_items_are_taken_exactly_as_often_as_their_chances_say():
    # The first half holds a quarter; of the other half, a third is the second item.
    offsets = list(product([0.0, 0.25, 0.5, 0.75], [0.1, 0.45, 0.8]))
    for n_steps in (*range(13), 10**15 + 3):
        found = np.array(
            [Apportionment(np.array([0.25, 0.25, 0.5]), Given(0.0, v, u)).taken(n_steps) for u, v in offsets]  # type: ignore[arg-type]
        )
        assert (4 * found.sum(0) == 12 * n_steps * np.array([1, 1, 2])).all()


@pytest.mark.parametrize("chances", [[1.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0, 0.0]])
def test_what_is_sure_is_taken_in_every_step_and_what_has_no_chance_in_none(chances):
    taken = Apportionment(np.array(chances), np.random.default_rng(0)).taken(1000)
    assert taken == [1000 * int(chance) for chance in chances]


def test_thirds_stay_exact_after_any_number_of_steps():
    parts = Apportionment(np.full(3, 2 / 3), np.random.default_rng(0))
    assert sum(parts.taken(10**18)) == 2 * 10**18
