"""Weights given by hand."""

import torch

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.fixed import FixedWeights


def test_fixed_weights_follow_the_names_and_not_the_order():
    balancer = FixedWeights({"a": 0.5, "b": 2.0, "c": 0.0})
    weights = balancer(Evidence(("c", "a"), torch.ones(2), torch.Tensor)).values
    assert weights.tolist() == [0.0, 0.5]


def test_whole_numbers_are_weights_too():
    weights = FixedWeights({"a": 2})(Evidence(("a",), torch.ones(1), torch.Tensor)).values
    assert (weights.dtype, weights.item()) == (torch.float32, 2.0)
