"""Equal weights are the plain sum."""

import torch
from tests.balancing.small import episodes, gradients, learner

from polytask.balancing import BalancedBackward
from polytask.balancing.methods import EqualWeights


def test_equal_weights_are_one_ordinary_backward():
    ours, plain = learner(), learner()
    BalancedBackward(ours, EqualWeights())(ours.objectives(episodes()))
    plain.objectives(episodes()).total().backward()
    assert torch.equal(gradients(ours), gradients(plain))
