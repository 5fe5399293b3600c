"""Regression episodes whose sizes change from step to step."""

import pytest

from polytask.checks import check_source
from polytask.core import EpisodeStack, InputError
from polytask.data import Sinusoids
from polytask.data.episodes.context_episodes import ContextEpisodes


def source(**changes) -> ContextEpisodes:
    arguments = {"n_support": (2, 5), "n_query": 3, "n_points": 9, "n_episodes": 2, "seed": 1} | changes
    return ContextEpisodes(Sinusoids(), **arguments)


def test_sizes_stay_in_their_ranges_and_all_of_them_come():
    sizes = set()
    for index in range(200):
        step = source().step(index)
        assert isinstance(step, EpisodeStack) and len(step) == 2
        support = step[0].support
        assert support is not None
        sizes.add((len(support), len(step[0].query)))
    assert {n_support for n_support, _ in sizes} == {2, 3, 4, 5}
    assert all(3 <= n_query <= 9 - n_support for n_support, n_query in sizes)
    assert len(sizes) == 5 + 4 + 3 + 2


def test_it_keeps_the_contract_of_a_source():
    check_source(source())


def test_sizes_that_do_not_fit_are_named_at_once():
    with pytest.raises(
        InputError, match=r"`n_support` must be \(fewest, most\).*; `n_query` must be at least"
    ):
        source(n_support=(0, 5), n_query=0)
    with pytest.raises(InputError, match="`n_points` is 7, too few for 5 to learn from and 3 to predict"):
        source(n_points=7)
