"""Gates read any input and answer with weights."""

import pytest
import torch
from torch import nn

from polytask.architectures.gates import FlatLinear, SoftmaxGate
from polytask.core import InputError


def test_a_softmax_gate_is_the_softmax_of_a_matrix_product():
    gate, inputs = SoftmaxGate(3, 4), torch.randn(5, 3)
    (weight,) = gate.parameters()
    raw = (inputs @ weight.T).exp()
    torch.testing.assert_close(gate(inputs), raw / raw.sum(1, keepdim=True))


def test_a_linear_gate_reads_all_parts_of_an_input_in_order():
    layer = FlatLinear(8, 2)
    inputs = {"map": torch.randn(5, 2, 3), "deep": {"count": torch.randint(9, (5, 2))}}
    flat = torch.cat([inputs["map"].flatten(1), inputs["deep"]["count"].float()], dim=1)
    torch.testing.assert_close(layer(inputs), layer.linear(flat))


def test_a_gate_of_ones_own_gets_the_inputs_as_they_are():
    class Count(nn.Module):
        def forward(self, tokens):
            return torch.stack([(tokens == i).sum(1).float() for i in range(3)], dim=1)

    weights = SoftmaxGate(lambda n: Count(), 3)(torch.tensor([[0, 0, 1], [2, 2, 2]]))
    assert weights.argmax(1).tolist() == [0, 2]


def test_a_wrong_number_of_features_is_named_with_the_remedy():
    with pytest.raises(InputError, match=r"built for 3 features, but an example has 8.*`gate=8`"):
        SoftmaxGate(3, 4)(torch.zeros(2, 2, 4))
    with pytest.raises(InputError, match="`gate` must be 1 feature or more"):
        SoftmaxGate(0, 4)
