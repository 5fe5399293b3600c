"""What an adapted learner knows, flat in a bundle; the names of older bundles are understood."""

import pytest
import torch

from polytask.core.learner import TOGETHER
from polytask.models.states import flat_states, nested_states


def test_what_was_flat_is_nested_again():
    states = {
        "cat": {"means": torch.ones(2), "0.weight": torch.zeros(1)},
        TOGETHER: {"layers.0.weight": torch.ones(3)},
    }
    again = nested_states(flat_states(states), ["cat"])
    assert {owner: list(parts) for owner, parts in again.items()} == {
        owner: list(parts) for owner, parts in states.items()
    }
    assert torch.equal(again[TOGETHER]["layers.0.weight"], torch.ones(3))


@pytest.mark.parametrize(
    ("name", "owner", "part"),
    [
        ("class", "class", "summary"),
        ("class.prototypes", "class", "prototypes"),
        ("modulation:class", "class", "modulation"),
        ("0.layer.weight", TOGETHER, "0.layer.weight"),
        ("head_weight", TOGETHER, "head_weight"),
    ],
)
def test_the_names_of_older_bundles_are_understood(name, owner, part):
    tensor = torch.ones(1)
    assert nested_states({name: tensor}, ["class"])[owner][part] is tensor
