"""Random loss weighting: where its draws come from, and how they are distributed."""

from typing import get_args

import pytest
import torch
from torchjd.scalarization import Random

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.rlw import RLW, RandomLossDistribution
from polytask.core import seeded

ALL = get_args(RandomLossDistribution)


def draws(distribution, n_objectives=3, n_draws=4000):
    evidence = Evidence(tuple("abcdef"[:n_objectives]), torch.ones(n_objectives), torch.Tensor)
    balancer = RLW(distribution=distribution)
    with seeded(0, "draws"):
        return torch.stack([balancer(evidence).values for _ in range(n_draws)])  # [draw, objective]


def test_the_normal_weights_are_torchjds_times_the_number_of_objectives():
    losses = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with seeded(0, "balancing"):
        (expected,) = torch.autograd.grad(Random()(losses), losses)
    with seeded(0, "balancing"):
        got = RLW()(Evidence(("a", "b", "c"), losses.detach(), torch.Tensor)).values
    torch.testing.assert_close(got, 3 * expected)


@pytest.mark.parametrize("distribution", ALL)
def test_every_objective_has_weight_one_on_average(distribution):
    torch.testing.assert_close(draws(distribution).mean(0), torch.ones(3), atol=0.08, rtol=0)


@pytest.mark.parametrize("distribution", ALL)
def test_no_weight_is_negative_and_they_sum_to_the_number_of_objectives(distribution):
    weights = draws(distribution, n_draws=300)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(1), torch.full((300,), 3.0))


def test_dirichlet_weights_have_the_variance_of_the_uniform_simplex():
    # Var of a coordinate of Dirichlet(1, 1, 1): 1/3 * 2/3 / 4 = 1/18, times 3^2.
    torch.testing.assert_close(draws("dirichlet").var(0), torch.full((3,), 0.5), atol=0.05, rtol=0)


def test_uniform_weights_lie_within_a_factor_of_e_of_each_other():
    weights = draws("uniform")
    assert 2.0 < (weights.amax(1) / weights.amin(1)).max() < torch.e


def test_bernoulli_draws_every_subset_but_the_empty_one_equally_often():
    inside = (draws("bernoulli") > 0).long() @ torch.tensor([1, 2, 4])
    shares = torch.bincount(inside, minlength=8) / len(inside)
    torch.testing.assert_close(shares, torch.tensor([0.0, *[1 / 7] * 7]), atol=0.02, rtol=0)


def test_constrained_bernoulli_gives_all_weight_to_one_objective():
    assert (draws("constrained-bernoulli").sort(1).values == torch.tensor([0.0, 0.0, 3.0])).all()
