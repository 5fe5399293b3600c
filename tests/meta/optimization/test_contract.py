"""What learned rules keep: right gradients, lower losses, and bad arguments named."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.core.learner import State
from polytask.execution import check_meta_gradient, run_vmap
from polytask.meta import GradientLearner
from polytask.meta.adaptation.rules import UpdateRule
from polytask.meta.optimization import (
    AdaptiveRates,
    EvolvedObjective,
    KroneckerCurvature,
    LearnedRates,
    LSTMOptimizer,
    MetaLSTM,
    MLPOptimizer,
    PersistentEvolution,
    with_warp_layers,
)

CLASSES = Task(name="class", kind="multiclass", n_outputs=3)


def net() -> nn.Sequential:
    with seeded(0, "net"):
        return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))


def episodes() -> list[Episode]:
    def batch(n_rows: int, *path: str | int) -> Batch:
        x = torch.randn(n_rows, 4, generator=generator(0, *path))
        return Batch(inputs=x, targets={"class": torch.arange(n_rows) % 3})

    return [
        Episode(tasks=(CLASSES,), support=batch(6, "support", i), query=batch(5, "query", i))
        for i in range(3)
    ]


RULES: dict[str, Callable[[], UpdateRule]] = {
    "LSTM optimizer": lambda: LSTMOptimizer(width=4),
    "MLP optimizer": lambda: MLPOptimizer(width=4),
    "Meta-LSTM": lambda: MetaLSTM(width=4, rate=0.1),
    "Kronecker": lambda: KroneckerCurvature(dict(net().named_parameters())),
    "rates by step": lambda: LearnedRates(dict(net().named_parameters()), n_steps=2, per_element=False),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("recompute", [False, True])
def test_a_learned_rule_has_the_gradient_of_finite_differences(name: str, recompute: bool) -> None:
    with seeded(0, "rule"):
        learner = GradientLearner(net(), rule=RULES[name](), n_steps=3, recompute=recompute)
    check_meta_gradient(learner, episodes()[:2], n_directions=1, tolerance=3e-6).raise_if_wrong()


@pytest.mark.parametrize("name", RULES)
def test_a_learned_rule_learns_to_lower_the_loss(name: str) -> None:
    with seeded(0, "rule"):
        learner = GradientLearner(net(), rule=RULES[name](), n_steps=3, n_differentiated=0)
    optimizer = torch.optim.Adam(learner.rule.parameters(), lr=0.02)
    fitted = [Episode(tasks=e.tasks, support=e.support, query=e.support or e.query) for e in episodes()]
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = learner.objectives(fitted, execution=run_vmap).values.mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.05


def position(theta: State, state: State) -> tuple[State, Tensor]:
    """Walk on by theta; the loss is the place, so that the sum over T windows has the slope T (T + 1) / 2."""
    there = state["x"] + theta["step"]
    return {"x": there}, there.sum()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LSTMOptimizer(width=0), "`width` must be at least 1"),
        (lambda: MLPOptimizer(momenta=(1.0,)), r"must be in \[0, 1\)"),
        (lambda: MetaLSTM(rate=1.0), "`rate` and `decay` between 0 and 1"),
        (lambda: LearnedRates({}), "`parameters` is empty"),
        (lambda: LearnedRates({"w": torch.ones(1)}, n_steps=0), "`n_steps` must be at least 1, got 0"),
        (lambda: KroneckerCurvature({}, rate=0.0), "`rate` must be above 0"),
        (lambda: AdaptiveRates({}, n_steps=0), "`n_steps` at least 1"),
        (lambda: with_warp_layers(nn.Linear(2, 2)), "needs two linear or 2-D convolutional layers"),
        (lambda: EvolvedObjective(sigma=0.0), "`sigma` must be above 0"),
        (lambda: PersistentEvolution(position, dict, n_windows=0), "`n_windows` and `n_particles` must be"),
    ],
)
def test_a_bad_argument_is_named(build: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()
