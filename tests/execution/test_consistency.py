"""Learners that contradict themselves, each in one way, are found; those that do not pass."""

import re
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, Predictor, Task, generator, seeded
from polytask.execution.consistency import inconsistencies
from polytask.meta import GradientLearner
from polytask.meta.initialization import MAML

NUMBER = Task(name="y", kind="regression")


def episodes() -> list[Episode]:
    def batch(n_rows: int, *path: str | int) -> Batch:
        x = torch.randn(n_rows, 2, generator=generator(0, *path), dtype=torch.float64)
        return Batch(inputs=x, targets={"y": x.prod(1)})

    return [
        Episode(tasks=(NUMBER,), support=batch(5, "support", i), query=batch(6, "query", i)) for i in range(2)
    ]


def net(*more: nn.Module) -> nn.Sequential:
    with seeded(0):
        return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), *more, nn.Linear(5, 1)).double()


def found(learner: GradientLearner) -> tuple[str, ...]:
    return inconsistencies(learner.double().eval(), episodes(), 1e-6)


class Remembers(nn.Module):
    """Keeps a mean of what it has seen, in evaluation mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(5, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        seen = self.get_buffer("seen")
        seen.copy_(0.9 * seen + 0.1 * x.detach().mean(0))
        return x - seen


class Counts(nn.Module):
    """Counts its calls, and does nothing with the count."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.get_buffer("calls").add_(1)
        return x


class Centred(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


class AdaptsOtherwise(MAML):
    """Makes one step more where it is used than where it is trained."""

    def adapt(self, tasks: Sequence[Task], support: Batch | None = None) -> Predictor:
        return MAML(self.model, inner_rate=0.1, n_steps=self.n_steps + 1).adapt(tasks, support)


def test_a_plain_learner_is_consistent() -> None:
    assert found(MAML(net(), inner_rate=0.1, n_steps=2)) == ()


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (Remembers, r"depends on the episodes before it \(off by .*; buffers that change: model.2.seen\)"),
        (Counts, r"buffers change in evaluation mode: model.2.calls"),
        (Centred, r"a query of episode 0 is predicted otherwise alone .* set `transductive`"),
    ],
)
def test_a_layer_that_leaks_or_reduces_is_named(layer: Callable[[], nn.Module], sentence: str) -> None:
    assert any(re.search(sentence, told) for told in found(MAML(net(layer()), inner_rate=0.1)))


def test_a_learner_that_says_it_is_transductive_may_reduce() -> None:
    learner = MAML(net(Centred()), inner_rate=0.1)
    learner.transductive = True
    assert found(learner) == ()


def test_an_adapt_that_does_other_steps_than_training_is_found() -> None:
    told = found(AdaptsOtherwise(net(), inner_rate=0.1, n_steps=1))
    assert len(told) == 2  # one for each episode
    assert "the loss of what `adapt` predicts is not the objective of episode 0 (off by " in told[0]


def test_a_learner_with_an_objective_of_its_own_is_not_held_to_the_loss() -> None:
    learner = AdaptsOtherwise(net(), inner_rate=0.1, n_steps=1)
    learner.objective_is_loss = False
    assert found(learner) == ()
