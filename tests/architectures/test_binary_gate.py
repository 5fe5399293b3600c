"""Selectors that write an expert's number in smooth bits, against the published rule by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from polytask.architectures.binary_gate import BinaryGate
from polytask.architectures.dselect_k import DSelectK
from polytask.core import generator

NAMES = ["a", "b.c", "d"]


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def build(n_experts: int = 4, n_selected: int = 2, **arguments: object) -> DSelectK:
    return DSelectK(NAMES, lambda: nn.Linear(4, 5), n_experts, n_selected=n_selected, **arguments)


def step(z: float, width: float) -> float:
    if abs(z) >= width / 2:
        return float(z > 0)
    return -2 / width**3 * z**3 + 3 / (2 * width) * z + 0.5


def by_hand(logits: list[float], n_experts: int, n_selected: int, width: float) -> list[float]:
    """The weights of one example, straight from the paper's definition."""
    n_bits = (n_experts - 1).bit_length()
    bits = [logits[j * n_bits : (j + 1) * n_bits] for j in range(n_selected)]
    shares = [math.exp(share) for share in logits[n_selected * n_bits :]]
    weights = [0.0] * n_experts
    for z, share in zip(bits, shares, strict=True):
        for i in range(n_experts):
            r = 1.0
            for place, each in enumerate(z):
                r *= step(each, width) if (i >> place) & 1 else 1 - step(each, width)
            weights[i] += share / sum(shares) * r
    return weights


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 9), st.data())
def test_the_weights_are_the_published_ones(n_experts, data):
    n_selected = data.draw(st.integers(1, n_experts))
    width = data.draw(st.floats(0.1, 5))
    n_logits = n_selected * ((n_experts - 1).bit_length() + 1)
    logits = data.draw(st.lists(st.floats(-3, 3), min_size=n_logits, max_size=n_logits))
    gate = BinaryGate(n_experts, n_selected=n_selected, width=width).double()
    gate.logits.values.data.copy_(torch.tensor(logits))
    found = gate(torch.zeros(1, 1))[0][0].tolist()
    assert found == pytest.approx(by_hand(gate.logits.values.tolist(), n_experts, n_selected, width))


def test_gates_by_example_apply_the_same_rule_to_every_row():
    sharing, inputs = build(3, gate=4), rows(4)
    for name in NAMES:
        gate = sharing.gates[name]
        gate.logits.linear.weight.data.mul_(20)
        logits = inputs @ gate.logits.linear.weight.T + gate.logits.linear.bias
        for found, row in zip(gate(inputs)[0], logits, strict=True):
            assert found.tolist() == pytest.approx(by_hand(row.tolist(), 3, 2, 1.0), abs=1e-6)
