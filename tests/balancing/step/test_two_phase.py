"""A step of one process by losses alone takes a shorter road to the same update."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing, SoftSharing
from polytask.balancing import BalancedBackward, Balancer
from polytask.balancing.balancer import Weights
from polytask.balancing.evidence import Evidence
from polytask.balancing.methods import EqualWeights
from polytask.balancing.methods.famo import FAMO
from polytask.balancing.methods.uncertainty import UncertaintyWeighting
from polytask.core import Batch, Episode, Objectives, SharedModel, Sharing, Task, generator, seeded
from polytask.data import JointSource
from polytask.train import train

NAMES = ("a", "b", "c")
TASKS = tuple(Task(name=name, kind="regression") for name in NAMES)


class LookingTwice(Balancer):
    """Says that it looks at losses, and asks for gradients all the same."""

    needs = "losses"

    def forward(self, evidence: Evidence) -> Weights:
        return Weights(values=1 / (1 + evidence.gramian().diagonal()))


BALANCERS: dict[str, Callable[[], Balancer]] = {
    "equal": EqualWeights,
    "uncertainty": lambda: UncertaintyWeighting(NAMES),
    "famo": lambda: FAMO(NAMES),
    "looking": LookingTwice,
}
SHARINGS: dict[str, Callable[[], Sharing]] = {
    "hard": lambda: HardSharing(nn.Linear(3, 4)),
    "soft": lambda: SoftSharing(NAMES, lambda: nn.Linear(3, 4)),  # has a penalty
}


def batch() -> Batch:
    draw = generator(0, "rows")
    targets = {name: torch.randn(6, generator=draw) for name in NAMES}
    return Batch(
        inputs=torch.randn(6, 3, generator=draw),
        targets=targets,
        masks={"c": torch.arange(6) % 2 == 0},
    )


def model(sharing: str) -> SharedModel:
    with seeded(0, "model"):
        return SharedModel(TASKS, SHARINGS[sharing](), {name: nn.Linear(4, 1) for name in NAMES})


def as_parts(step: BalancedBackward) -> BalancedBackward:
    """Let a step take the general road, by telling it that its objectives are the one part of a step."""
    balanced = step.balanced

    def in_parts(given: Any, **others: Any) -> Any:
        return balanced(step.whole(given) if isinstance(given, Objectives) else given, **others)

    step.balanced = in_parts
    return step


def found(*modules: nn.Module) -> list[Tensor | None]:
    return [parameter.grad for module in modules for parameter in module.parameters()]


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("balancer", BALANCERS)
def test_the_shorter_road_leads_to_the_same_gradients(balancer: str, sharing: str) -> None:
    results = []
    for change in (lambda step: step, as_parts):
        learner, method = model(sharing), BALANCERS[balancer]()
        step = change(BalancedBackward(learner, method))
        balance = step(learner.objectives([Episode(tasks=TASKS, query=batch())]))
        results.append((balance.weights, balance.losses, *found(learner, method)))
    first, second = results
    assert len(first) == len(second)
    for one, other in zip(first, second):
        assert torch.equal(one, other) if isinstance(one, Tensor) else one == other


@pytest.mark.parametrize("balancer", ["equal", "famo"])
def test_a_training_run_is_the_same_on_both_roads(balancer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> tuple[list[dict[str, float]], list[Tensor]]:
        learner, source = model("soft"), JointSource(TASKS, batch(), batch_size=3, seed=0)
        done = train(learner, source, n_steps=5, validate_every=2, balancer=BALANCERS[balancer]())
        return done.rows, [parameter.detach() for parameter in learner.parameters()]

    shorter = run()
    balanced = BalancedBackward.balanced
    monkeypatch.setattr(
        BalancedBackward,
        "balanced",
        lambda self, given, **others: balanced(self, self.whole(given), **others),
    )
    general = run()
    assert shorter[0] == general[0]
    assert all(torch.equal(one, other) for one, other in zip(shorter[1], general[1], strict=True))


def test_the_shorter_road_is_taken_only_where_no_gradient_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = []
    monkeypatch.setattr(BalancedBackward, "_by_losses_alone", lambda *_: taken.append(True))
    learner = model("hard")
    objectives = learner.objectives([Episode(tasks=TASKS, query=batch())])
    BalancedBackward(learner, EqualWeights())(objectives)
    assert taken == [True]
    step = BalancedBackward(learner, EqualWeights())
    step(objectives, validation=lambda: objectives)
    assert taken == [True]
