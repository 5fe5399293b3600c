"""First layers of the tasks' own, and all the rest in common, against numpy."""

import numpy as np
import pytest
import torch
from torch import nn

from polytask.architectures import OwnInputSharing
from polytask.core import SharedModel, Task, generator, private_parameters, seeded, shared_parameters
from polytask.models.table_config import TableConfig
from polytask.models.table_learner import build_table_learner

NAMES = ["a", "b.c", "d"]


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def deep() -> OwnInputSharing:
    return OwnInputSharing(NAMES, lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh()), nn.Linear(5, 3))


def shallow() -> OwnInputSharing:
    return OwnInputSharing(NAMES, lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh()), nn.Sequential())


def maps() -> OwnInputSharing:
    return OwnInputSharing(NAMES, lambda: nn.Conv2d(1, 2, 3), nn.Conv2d(2, 3, 3))


CASES = {"deep": (deep, (4,)), "shallow": (shallow, (4,)), "maps": (maps, (1, 7, 7))}


def test_it_is_the_equation() -> None:
    with seeded(0):
        sharing, head = shallow(), nn.Linear(5, 1)
    tasks = [Task(name=name, kind="regression") for name in NAMES]
    model = SharedModel(tasks, sharing, dict.fromkeys(NAMES, head)).eval()
    inputs, outer = rows(4), [part.detach().numpy() for part in head.parameters()]
    found = model(inputs)
    for name in NAMES:
        inner = [part.detach().numpy() for part in sharing.layers[name].parameters()]
        hidden = np.tanh(inputs.numpy() @ inner[0].T + inner[1])
        np.testing.assert_allclose(found[name].detach().numpy(), hidden @ outer[0].T + outer[1], atol=1e-6)


def test_first_layers_are_private_and_the_outputs_are_shared_with_a_head_of_all() -> None:
    sharing, head = deep(), nn.Linear(3, 1)
    tasks = [Task(name=name, kind="regression") for name in NAMES]
    model = SharedModel(tasks, sharing, dict.fromkeys(NAMES, head))
    shared = {id(parameter) for parameter in shared_parameters(model)}
    assert shared == {id(one) for part in (sharing.trunk, head) for one in part.parameters()}
    assert {name: len(found) for name, found in private_parameters(model).items()} == dict.fromkeys(NAMES, 2)


KINDS = [
    Task(name="size", kind="regression"),
    Task(name="cost", kind="regression"),
    Task(name="paid", kind="binary", labels=("no", "yes")),
    Task(name="sold", kind="binary", labels=("0", "1")),
    Task(name="first", kind="multiclass", n_outputs=3, labels=("a", "b", "c")),
    Task(name="second", kind="multiclass", n_outputs=3, labels=("a", "b", "c")),
    Task(name="other", kind="multiclass", n_outputs=3, labels=("x", "y", "z")),
]


@pytest.mark.parametrize("depth", [1, 2])
def test_a_table_gets_one_head_for_each_kind_unless_asked_otherwise(depth: int) -> None:
    def heads(**settings: object) -> list[int]:
        config = TableConfig(**{"architecture": "own-input", "depth": depth, "width": 8} | settings)
        model = build_table_learner(KINDS, 4, config)
        assert all(len(answer) == 6 for answer in model(rows(4)).values())
        found = [id(model.heads[task.name]) for task in KINDS]
        return [found.index(one) for one in found]

    assert heads() == [0, 0, 2, 2, 4, 4, 6]
    assert heads(heads="own") == list(range(7))
    assert heads(architecture="mmoe", heads="shared") == [0, 0, 2, 2, 4, 4, 6]
    assert heads(architecture="mmoe") == list(range(7))
