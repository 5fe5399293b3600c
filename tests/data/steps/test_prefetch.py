"""Steps made ahead of time are the same steps."""

import pytest
import torch

from polytask.core import EpisodeStack, InputError
from polytask.data import FunctionEpisodes, Sinusoids, Source, steps_ahead


def sinusoids(n_support: int) -> Source:
    return FunctionEpisodes(Sinusoids(), n_support=n_support, n_query=4, n_episodes=2, seed=0)


def test_workers_make_the_same_steps_in_the_same_order() -> None:
    source = sinusoids(3)
    expected = [source.step(index)[0].query.targets["y"] for index in range(2, 9)]
    found = [step[0].query.targets["y"] for step in steps_ahead(source, start=2, stop=9, n_workers=2)]
    assert len(found) == 7
    assert all(torch.equal(one, other) for one, other in zip(expected, found))
    assert len({float(values[0]) for values in found}) == 7


@pytest.mark.parametrize("n_workers", [0, 1])
def test_a_step_made_ahead_is_held_as_it_was_made(n_workers: int) -> None:
    (step,) = steps_ahead(sinusoids(3), stop=1, n_workers=n_workers)
    assert isinstance(step, EpisodeStack) and len(step) == 2


def test_steps_that_do_not_go_upwards_are_refused() -> None:
    with pytest.raises(InputError, match="`start` and `stop` must be 0 or more"):
        steps_ahead(sinusoids(2), stop=-1)
