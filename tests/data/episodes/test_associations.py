"""Patterns with random names, and patterns to be completed."""

import pytest
import torch

from polytask.checks import check_source
from polytask.core import InputError
from polytask.data import AssociationEpisodes
from polytask.data.episodes.associations import CompletionEpisodes


def tensor(value) -> torch.Tensor:
    assert isinstance(value, torch.Tensor)
    return value


@pytest.mark.parametrize("seed", range(3))
def test_every_pattern_is_presented_with_its_name_in_every_round(seed):
    source = AssociationEpisodes(
        n_patterns=4, n_features=20, n_names=3, noise=0.0, n_presentations=3, seed=seed
    )
    (episode,) = source.step(1)
    assert episode.support is not None
    patterns, names = tensor(episode.query.inputs), episode.query.targets["name"]
    shown, told = tensor(episode.support.inputs), episode.support.targets["name"]
    for start in range(0, 12, 4):
        found = [(shown[row] == patterns).all(1).nonzero().item() for row in range(start, start + 4)]
        assert sorted(found) == [0, 1, 2, 3]
        assert torch.equal(told[start : start + 4], names[found])


def test_noise_turns_as_many_signs_as_it_says():
    (clean,), (noisy,) = (
        AssociationEpisodes(n_patterns=50, n_features=200, noise=noise).step(0) for noise in (0.0, 0.2)
    )
    turned = (tensor(clean.query.inputs) != tensor(noisy.query.inputs)).float().mean().item()
    assert turned == pytest.approx(0.2, abs=0.02)


def test_a_query_shows_a_part_and_the_support_all_of_it():
    (episode,) = CompletionEpisodes(n_patterns=5, n_features=10, shown=0.3, n_presentations=2).step(0)
    assert episode.support is not None
    query, signs = tensor(episode.query.inputs), episode.query.targets["pattern"]
    visible = query != 0
    assert visible.sum(1).tolist() == [3] * 5
    assert torch.equal((query > 0)[visible], (signs > 0)[visible])
    shown = tensor(episode.support.inputs)
    assert torch.equal((shown > 0).float(), episode.support.targets["pattern"])
    for half in (shown[:5], shown[5:]):
        assert sorted((half > 0).float().tolist()) == sorted(signs.tolist())


@pytest.mark.parametrize("build", [AssociationEpisodes, CompletionEpisodes])
def test_they_keep_the_contract_of_a_source(build):
    check_source(build(n_episodes=2, seed=4), disjoint=False)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: AssociationEpisodes(n_names=1, n_patterns=0),
            "`n_patterns` must .*; `n_names` must be at l",
        ),
        (lambda: AssociationEpisodes(noise=0.5), "`noise` must be from 0 to below 0.5, got 0.5"),
        (lambda: CompletionEpisodes(shown=1.0), "`shown` must leave something"),
        (lambda: CompletionEpisodes(n_features=1.5), "`n_features` must be a whole number, got 1.5"),
    ],
)
def test_a_wrong_argument_is_named(build, message):
    with pytest.raises(InputError, match=message):
        build()
