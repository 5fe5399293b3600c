"""Shares of objectives that may be absent."""

import pytest
import torch

from polytask.balancing.state.mixture import Mixture
from polytask.core import InputError


def swapped(share: torch.Tensor) -> torch.Tensor:
    return share.flip(0)


def test_shares_start_equal_and_are_scaled_to_those_present():
    seen = []
    Mixture(["a", "b", "c", "d"], "M")(["a", "d"], lambda share: seen.append(share) or share)
    assert torch.equal(seen[0], torch.tensor([0.5, 0.5], dtype=torch.float64))


def test_the_present_keep_the_sum_of_theirs_and_the_absent_their_own():
    mixture = Mixture(["a", "b", "c"], "M")
    mixture.share.copy_(torch.tensor([0.2, 0.5, 0.3]))
    found = mixture(["c", "a"], swapped)
    torch.testing.assert_close(found, torch.tensor([0.4, 0.6], dtype=torch.float64))
    torch.testing.assert_close(mixture.share, torch.tensor([0.3, 0.5, 0.2], dtype=torch.float64))


def test_where_all_present_have_nothing_they_are_equal():
    mixture = Mixture(["a", "b", "c"], "M")
    mixture.share.copy_(torch.tensor([1.0, 0.0, 0.0]))
    assert mixture(["b", "c"], swapped).tolist() == [0.5, 0.5]
    assert mixture.share.tolist() == [1, 0, 0]


def test_an_unknown_objective_is_named():
    with pytest.raises(InputError, match="M does not know z"):
        Mixture(["a"], "M")(["z"], swapped)
