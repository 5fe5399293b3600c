"""Parameters that stand elsewhere for a while."""

import pytest
import torch
from torch import nn

from polytask.core.look_ahead import displaced


def test_parameters_are_moved_inside_and_come_back_to_the_bit():
    layer = nn.Linear(2, 3)
    before = [parameter.detach().clone() for parameter in layer.parameters()]
    with displaced(list(layer.parameters()), torch.arange(9.0)):
        assert torch.equal(layer.weight, before[0] + torch.arange(6.0).view(3, 2))
        assert torch.equal(layer.bias, before[1] + torch.arange(6.0, 9.0))
    assert all(torch.equal(a, b) for a, b in zip(layer.parameters(), before, strict=True))


def test_a_graph_of_before_is_right_afterwards():
    weight = nn.Parameter(torch.tensor([2.0]))
    square = weight.square().sum()
    with displaced([weight], torch.tensor([5.0])):
        (inside,) = torch.autograd.grad(weight.square().sum(), weight)
    (outside,) = torch.autograd.grad(square, weight)
    assert (float(inside), float(outside)) == (14, 4)


def test_they_come_back_where_the_block_fails():
    weight = nn.Parameter(torch.zeros(1))
    with pytest.raises(ZeroDivisionError), displaced([weight], torch.ones(1)):
        _ = 1 / 0
    assert weight.tolist() == [0]


def test_double_displacements_move_single_parameters():
    weight = nn.Parameter(torch.zeros(1))
    with displaced([weight], torch.ones(1, dtype=torch.float64)):
        assert weight.dtype == torch.float32
        assert weight.tolist() == [1]
