"""The average of models: what it answers, and what it refuses."""

from typing import Any

import pytest
import torch
from torch import nn

from polytask.architectures import HardSharing
from polytask.core import InputError, SharedModel, Task
from polytask.models.network_stack import StackedEnsemble
from polytask.models.stack_plan import StackPlan, Stage
from polytask.models.table_ensemble import TableEnsemble

Y, K = Task(name="y", kind="regression"), Task(name="k", kind="binary")


def shared() -> SharedModel:
    heads = {"y": nn.Linear(4, 1), "k": nn.Linear(4, 1)}
    return SharedModel([Y, K], HardSharing(nn.Linear(3, 4)), heads=heads)


def stacked(*tasks: Task) -> StackedEnsemble:
    stages = (Stage(step=1, targets=tuple(task.name for task in tasks)),)
    return StackedEnsemble(
        tasks, 3, StackPlan(n_networks=2, width=3, depth=1, n_bins=(0, 0, 0), stages=stages)
    )


def test_each_target_has_its_own_weights_and_members_may_lack_targets() -> None:
    members = [shared(), stacked(K), stacked(Y)]
    model = TableEnsemble([Y, K], members, {"y": (0.25, 0, 0.75), "k": (0.5, 0.5, 0)})
    inputs = torch.randn(5, 3)
    found = model.adapt([Y, K])(inputs)
    first = members[0].adapt([Y, K])(inputs)
    torch.testing.assert_close(found["y"], 0.25 * first["y"] + 0.75 * members[2](inputs)["y"])
    probability = (first["k"].sigmoid() + members[1](inputs)["k"].sigmoid()) / 2
    torch.testing.assert_close(found["k"].sigmoid(), probability)
    assert list(model.adapt([K])(inputs)) == ["k"]


@pytest.mark.parametrize(
    ("members", "weights", "message"),
    [
        ([], {"y": ()}, "no member"),
        ([stacked(Y)], {}, "'y' needs 1 weights of 0 or more with sum 1"),
        ([stacked(Y)], {"y": (0.9,)}, "with sum 1"),
        ([stacked(Y), stacked(Y)], {"y": (1.5, -0.5)}, "0 or more"),
        ([stacked(Y)], {"y": (float("nan"),)}, "with sum 1"),
        ([stacked(Y)], {"y": (0.5, 0.5)}, "needs 1 weights"),
        ([stacked(K)], {"y": (1.0,)}, "member 0 lacks 'y'"),
    ],
)
def test_weights_that_are_no_average_of_the_members_are_refused(
    members: Any, weights: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        TableEnsemble([Y], members, weights)


def test_it_is_asked_for_its_targets_and_not_trained() -> None:
    model = TableEnsemble([Y], [stacked(Y)], {"y": (1.0,)})
    with pytest.raises(InputError, match="knows no task 'k'; it has y"):
        model.adapt([K])
    with pytest.raises(InputError, match="not trained further"):
        model.objectives([])
