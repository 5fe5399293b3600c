"""Weights given by hand, and the sum of logarithms."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.fixed import FixedWeights
from polytask.balancing.methods.scale_invariant import ScaleInvariant
from polytask.checks import check_balancer
from polytask.core import InputError, TrainingError


def test_fixed_weights_follow_the_names_and_not_the_order():
    balancer = FixedWeights({"a": 0.5, "b": 2.0, "c": 0.0})
    weights = balancer(Evidence(("c", "a"), torch.ones(2), torch.Tensor)).values
    assert weights.tolist() == [0.0, 0.5]


def test_fixed_weights_keep_the_contract():
    check_balancer(lambda names: FixedWeights(dict.fromkeys(names, 0.5)))


def test_whole_numbers_are_weights_too():
    weights = FixedWeights({"a": 2})(Evidence(("a",), torch.ones(1), torch.Tensor)).values
    assert (weights.dtype, weights.item()) == (torch.float32, 2.0)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_cannot_be_is_named(weight):
    with pytest.raises(InputError, match=r"must be finite and at least 0: b \("):
        FixedWeights({"a": 1.0, "b": weight})


def test_no_weight_at_all_is_an_error():
    with pytest.raises(InputError, match="FixedWeights needs the distinct names"):
        FixedWeights({})


def test_an_objective_without_weight_is_named():
    with pytest.raises(InputError, match="FixedWeights does not know z"):
        FixedWeights({"a": 1.0})(Evidence(("z",), torch.ones(1), torch.Tensor))


@settings(deadline=None)
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=5))
def test_scale_invariant_weights_are_the_gradient_of_the_sum_of_logarithms(losses):
    values = torch.tensor(losses, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(values.log().sum(), values)
    evidence = Evidence(tuple("abcde"[: len(losses)]), values.detach(), torch.Tensor)
    torch.testing.assert_close(ScaleInvariant()(evidence).values, expected)


def test_scale_invariant_keeps_the_contract():
    check_balancer(lambda names: ScaleInvariant())


def test_scale_invariant_names_the_loss_that_is_not_positive():
    with pytest.raises(TrainingError, match=r"ScaleInvariant needs a positive loss .* a \(0\)"):
        ScaleInvariant()(Evidence(("a", "b"), torch.tensor([0.0, 1.0]), torch.Tensor))
