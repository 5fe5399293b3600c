"""Soft sharing pulls trunks to each other."""

import pytest
import torch
from torch import nn

from polytask.architectures import SoftSharing, table_trunk
from polytask.core import InputError, private_parameters, shared_parameters


def soft(strength: float = 0.6) -> SoftSharing:
    sharing = SoftSharing(["a", "b", "c"], lambda: nn.Linear(2, 1, bias=False), strength=strength)
    for name, weight in {"a": [0.0, 0.0], "b": [3.0, 4.0], "c": [0.0, 1.0]}.items():
        sharing.trunks[name].weight.data.copy_(torch.tensor([weight]))
    return sharing


def test_the_soft_penalty_is_the_summed_squared_distance():
    penalty = soft()(torch.zeros(1, 2), ["a"]).penalty
    assert penalty.item() == pytest.approx(0.6 / 2 * (25 + 1 + (9 + 9)))


def test_the_soft_penalty_pulls_each_trunk_to_the_others():
    sharing = soft()
    sharing(torch.zeros(1, 2), ["a"]).penalty.backward()
    expected = (
        0.6 / 2 * 2 * (torch.tensor([0.0, 0.0]) * 2 - torch.tensor([3.0, 4.0]) - torch.tensor([0.0, 1.0]))
    )
    torch.testing.assert_close(sharing.trunks["a"].weight.grad[0], expected)


def test_soft_trunks_start_equal_and_are_private():
    sharing = SoftSharing(["a", "b"], lambda: table_trunk(3, [4]))
    for left, right in zip(sharing.trunks["a"].parameters(), sharing.trunks["b"].parameters(), strict=True):
        assert torch.equal(left, right) and left is not right
    assert shared_parameters(sharing) == [] and set(private_parameters(sharing)) == {"a", "b"}


def test_strength_zero_means_separate_models():
    assert soft(0.0)(torch.zeros(1, 2), ["a"]).penalty is None
    with pytest.raises(InputError, match="`strength` must be 0 or more"):
        SoftSharing(["a"], lambda: nn.Linear(1, 1), strength=-1)
