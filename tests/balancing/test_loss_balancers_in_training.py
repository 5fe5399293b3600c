"""Balancers that look at the losses alone, in whole runs: they resume to the bit."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import nn

from polytask.architectures import HardSharing
from polytask.balancing import Balancer
from polytask.balancing.methods import COSMOS, PBI
from polytask.balancing.methods.cov_weighting import CoVWeighting
from polytask.balancing.methods.dtp import DTP
from polytask.balancing.methods.dwa import DWA
from polytask.balancing.methods.famo import FAMO
from polytask.balancing.methods.fixed import FixedWeights
from polytask.balancing.methods.go4align import GO4Align
from polytask.balancing.methods.imtl_l import IMTLL
from polytask.balancing.methods.ldc_mtl import LDCMTL
from polytask.balancing.methods.relobralo import ReLoBRaLo
from polytask.balancing.methods.revised_uncertainty import RevisedUncertaintyWeighting
from polytask.balancing.methods.rlw import RLW
from polytask.balancing.methods.scale_invariant import ScaleInvariant
from polytask.balancing.methods.slaw import SLAW
from polytask.balancing.methods.soft_adapt import SoftAdapt
from polytask.balancing.methods.stch import STCH
from polytask.balancing.methods.uw_so import SoftUncertaintyWeighting
from polytask.core import Batch, SharedModel, Task, generator, seeded
from polytask.data import JointSource
from polytask.train import train

TASKS = [Task(name=name, kind="regression") for name in "abc"]
NAMES = [task.name for task in TASKS]

BALANCERS: dict[str, Callable[[Sequence[str]], Balancer]] = {
    "COSMOS": lambda names: COSMOS(dict.fromkeys(names, 1.0)),
    "CoVWeighting": CoVWeighting,
    "DTP": DTP,
    "DWA": lambda names: DWA(names, window=2),
    "FAMO": FAMO,
    "FixedWeights": lambda names: FixedWeights(dict(zip(names, (1.0, 0.5, 2.0)))),
    "GO4Align": lambda names: GO4Align(names, temperature=0.1),
    "IMTLL": IMTLL,
    "LDCMTL": LDCMTL,
    "PBI": lambda names: PBI(dict.fromkeys(names, 1.0), penalty=0.5),
    "RLW": lambda names: RLW(),
    "ReLoBRaLo": lambda names: ReLoBRaLo(names, remembering=0.5),
    "RevisedUncertaintyWeighting": RevisedUncertaintyWeighting,
    "SLAW": SLAW,
    "STCH": lambda names: STCH(names, warm_up=3),
    "ScaleInvariant": lambda names: ScaleInvariant(),
    "SoftAdapt": lambda names: SoftAdapt(names, window=2),
    "SoftUncertaintyWeighting": lambda names: SoftUncertaintyWeighting(),
}


def learner() -> SharedModel:
    with seeded(0, "initialization"):
        trunk = nn.Sequential(nn.Linear(3, 6), nn.Tanh())
        return SharedModel(TASKS, HardSharing(trunk), {name: nn.Linear(6, 1) for name in NAMES})


def source() -> JointSource:
    """Steps of three rows, in which c often has no label."""
    x = torch.randn(24, 3, generator=generator(0, "x"))
    return JointSource(
        TASKS,
        Batch(
            inputs=x,
            targets={"a": x[:, 0], "b": 10 * x[:, 1].sin(), "c": 0.1 * x.sum(1)},
            masks={"c": torch.arange(24) % 4 == 0},
        ),
        batch_size=3,
        seed=0,
    )


def state(model: nn.Module, balancer: nn.Module) -> dict[str, torch.Tensor]:
    return {**model.state_dict(), **{f"balancer.{k}": v for k, v in balancer.state_dict().items()}}


@pytest.mark.parametrize("name", BALANCERS)
def test_a_run_that_was_interrupted_ends_with_the_same_bits(name, tmp_path):
    found = []
    for pieces in ([20], [9, 20]):
        for n_steps in pieces:
            model, balancer = learner(), BALANCERS[name](NAMES)
            folder = tmp_path / str(len(pieces))
            outcome = train(
                model, source(), n_steps=n_steps, balancer=balancer, directory=folder, resume=True
            )
        found.append(state(model, balancer))
    assert outcome.absent["c"] > 0  # the source does leave c out
    assert all(torch.equal(value, found[1][key]) for key, value in found[0].items())


def test_famo_looks_again_after_every_step_that_has_the_objective():
    balancer = FAMO(NAMES)
    outcome = train(learner(), source(), n_steps=20, balancer=balancer)
    assert balancer.adam.steps.tolist() == [20, 20, 20 - outcome.absent["c"]]
