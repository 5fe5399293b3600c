"""Steps of several domains, each in its own order."""

import pytest
import torch

from polytask.checks import check_source
from polytask.core import Batch, Episode, InputError
from polytask.core.random import numpy_generator
from polytask.data import FunctionEpisodes, MixedSources, Sinusoids, Source
from polytask.data.steps import turns


def sinusoids(n_support: int) -> Source:
    return FunctionEpisodes(Sinusoids(), n_support=n_support, n_query=4, n_episodes=2, seed=0)


def parts(episode: Episode) -> tuple[Batch, Batch]:
    assert episode.support is not None
    return episode.support, episode.query


def test_it_keeps_the_contract_of_a_source() -> None:
    check_source(MixedSources([sinusoids(3), sinusoids(7)]))


def test_mixed_sources_give_each_sources_steps_in_order_without_gaps() -> None:
    sources = [sinusoids(3), sinusoids(7)]
    mixed = MixedSources(sources, weights=[1, 2], seed=3)
    seen = {3: 0, 7: 0}
    for index in range(60):
        found = parts(mixed.step(index)[0])[0]
        own = sources[[3, 7].index(len(found))].step(seen[len(found)])
        assert torch.equal(found.targets["y"], parts(own[0])[0].targets["y"])
        seen[len(found)] += 1
    assert seen[7] > seen[3] > 5


@pytest.mark.parametrize(
    ("sources", "weights", "message"),
    [
        ([], None, r"`sources` is empty; give at least one source\.$"),
        ([sinusoids(2)], [-1.0], "`weights` must be 1 numbers of 0 or more, not all 0"),
        ([sinusoids(2)], [0.0], "`weights` must be 1 numbers"),
        ([sinusoids(2)], [float("nan")], "`weights` must be 1 numbers"),
        ([sinusoids(2)], [1.0, 2.0], "`weights` must be 1 numbers"),
    ],
)
def test_a_wrong_argument_is_named(sources, weights, message) -> None:
    with pytest.raises(InputError, match=message):
        MixedSources(sources, weights=weights)


def test_a_source_of_no_weight_is_never_asked() -> None:
    mixed = MixedSources([sinusoids(3), sinusoids(7)], weights=[0, 1])
    assert {len(parts(mixed.step(index)[0])[0]) for index in range(100)} == {7}


def test_a_late_step_is_as_near_as_an_early_one(monkeypatch: pytest.MonkeyPatch) -> None:
    mixed, draws = MixedSources([sinusoids(3), sinusoids(7)], weights=[1, 3]), []
    monkeypatch.setattr(turns, "numpy_generator", lambda *path: draws.append(path) or numpy_generator(*path))
    step = mixed.step(10**9)
    assert len(draws) == 1 and len(step) == 2
    fresh = MixedSources([sinusoids(3), sinusoids(7)], weights=[1, 3])
    assert torch.equal(fresh.step(10**9)[0].query.targets["y"], step[0].query.targets["y"])
