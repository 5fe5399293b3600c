"""A model keeps for each target the weights of its own step."""

import torch

from polytask.core import Task
from polytask.fitting.stacked_result import kept_ensemble, kept_stages
from polytask.models.network_stack import NetworkStack, output_slices
from polytask.models.number_bins import NumberBins
from polytask.models.stack_plan import StackPlan

TASKS = [Task(name="y", kind="regression"), Task(name="m", kind="multiclass", n_outputs=3)]
STEPS = [5, 10, 15]


def stack() -> NetworkStack:
    return NetworkStack(TASKS, 2, n_networks=3, width=4, depth=1)


def test_each_target_is_answered_by_the_networks_of_its_step() -> None:
    torch.manual_seed(0)
    early, late, inputs = stack(), stack(), torch.randn(6, 2)
    stages = kept_stages({"y": 2, "m": 0}, STEPS)
    assert [(stage.step, stage.targets) for stage in stages] == [(5, ("m",)), (15, ("y",))]
    plan = StackPlan(n_networks=3, width=4, depth=1, n_bins=(0, 0), stages=stages)
    drawn = torch.get_rng_state()
    model = kept_ensemble(TASKS, plan, NumberBins([0, 0]), [early.state_dict(), late.state_dict()], seed=0)
    assert torch.equal(torch.get_rng_state(), drawn) and not model.training
    found, places = model(inputs), output_slices(TASKS)
    torch.testing.assert_close(found["y"], late(inputs)[..., places["y"]].mean(0))
    shares = early(inputs)[..., places["m"]].softmax(-1).mean(0)
    torch.testing.assert_close(found["m"].softmax(-1), shares)
