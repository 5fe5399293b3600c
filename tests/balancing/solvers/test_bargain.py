"""The bargain: gains are powers of weights."""

import math

import pytest
import torch
from tests.balancing.solvers.gramians import gramian_of, sizes
from torchjd.aggregation import FairGradWeighting

from polytask.balancing.solvers import bargain
from polytask.core import InputError


@pytest.mark.parametrize("kind", ["independent", "of unequal lengths"])
@sizes
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 10.0])
def test_every_gain_of_the_bargain_is_a_power_of_its_weight(kind, n, alpha):
    gramian = gramian_of(kind, n)
    weights = bargain(gramian, alpha=alpha)
    torch.testing.assert_close(gramian @ weights, weights ** (-1 / alpha), rtol=1e-7, atol=0)


def test_where_gradients_oppose_each_other_the_bargain_is_equal_and_finite():
    opposed = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    weights = bargain(opposed)
    assert bool(weights.isfinite().all())
    torch.testing.assert_close(weights[0], weights[1])


def test_the_bargain_of_fair_grad_equals_that_of_torchjd():
    gramian = gramian_of("independent", 5) / 60
    torch.testing.assert_close(
        bargain(gramian, alpha=2.0), FairGradWeighting(alpha=2.0)(gramian), rtol=1e-5, atol=0
    )


def test_a_longer_gradient_gets_a_shorter_weight_in_the_bargain():
    gramian = gramian_of("independent", 4)
    scale = torch.tensor([1.0, 10.0, 0.1, 3.0]).double()
    torch.testing.assert_close(
        bargain(gramian * torch.outer(scale, scale)), bargain(gramian) / scale, rtol=1e-9, atol=0
    )


def test_an_alpha_that_is_not_positive_is_refused():
    with pytest.raises(InputError, match="`alpha` must be positive, got 0"):
        bargain(torch.eye(2), alpha=0)


@pytest.mark.parametrize("angle", [1e-2, 1e-5, 1e-8, 0.0])
@pytest.mark.parametrize("ratio", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 10.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_bargain_is_found_beside_gradients_that_nearly_cancel(angle, ratio, alpha, dtype):
    against = math.pi - angle
    rows = torch.tensor(
        [[1.0, 0, 0], [math.cos(against) * ratio, math.sin(against) * ratio, 0], [0.3, 0.2, 0.9]]
    ).double()
    weights = bargain((rows @ rows.T).to(dtype), alpha=alpha)
    assert bool((weights.isfinite() & (weights > 0)).all())
