"""Experts are stacked and mixed as the equations say."""

import pytest
import torch
from torch import nn

from polytask.architectures.experts import Experts, mix
from polytask.core import InputError


@pytest.mark.parametrize("shape", [(5,), (3, 4, 4), (6, 5)], ids=["vectors", "maps", "sequences"])
def test_mixing_is_the_weighted_sum_for_outputs_of_any_shape(shape):
    outputs, weights = torch.randn(2, 3, *shape), torch.rand(2, 3)
    found = mix(outputs, weights)
    for row in range(2):
        expected = sum(weights[row, i] * outputs[row, i] for i in range(3))
        torch.testing.assert_close(found[row], expected)


def test_every_expert_is_a_network_of_its_own():
    experts = Experts(lambda: nn.Linear(3, 2), 4)
    inputs = torch.randn(5, 3)
    expected = [network(inputs) for network in experts.networks]
    assert len({id(network.weight) for network in experts.networks}) == 4
    torch.testing.assert_close(experts(inputs).unbind(1), tuple(expected))


def test_there_must_be_an_expert():
    with pytest.raises(InputError, match="number of experts must be 1 or more, got 0"):
        Experts(lambda: nn.Linear(3, 2), 0)
