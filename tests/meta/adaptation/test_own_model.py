"""A model of one's own is made once for episodes that are run one by one, and is as new for each of them."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from polytask.core import Batch, Episode, EpisodicLearner, Task
from polytask.core.learner import run_loop
from polytask.execution.groups import run_one_by_one
from polytask.meta.adaptation import own_model
from polytask.meta.adaptation.own_model import OwnModel
from polytask.meta.initialization import ANIL, FOMAML, MAML
from polytask.meta.layers.computed_weights import ComputedWeights

TASK = Task(name="y", kind="regression")


class Counting(nn.Module):
    """Adds how often it was called, which it notes on itself and in a buffer that it replaces."""

    def __init__(self) -> None:
        super().__init__()
        self.n_calls = 0
        self.register_buffer("called", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.n_calls += 1
        self.called = self.called + 1
        return x + self.n_calls + self.called


class Recomputed(nn.Module):
    """Keeps nothing for the backward pass, which runs its layer once more."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(lambda x: self.layer(x).tanh(), x, use_reentrant=False)


def episodes(n: int = 4) -> list[Episode]:
    draw = torch.Generator().manual_seed(0)

    def batch() -> Batch:
        return Batch(
            inputs=torch.randn(5, 3, generator=draw, dtype=torch.float64),
            targets={"y": torch.randn(5, generator=draw, dtype=torch.float64)},
        )

    return [Episode(tasks=(TASK,), support=batch(), query=batch()) for _ in range(n)]


def network(first: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(first, nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1)).double()


def gradients(learner: EpisodicLearner, execution) -> list[Tensor]:
    learner.zero_grad()
    values = learner.objectives(episodes(), execution=execution).values
    (values * torch.arange(1.0, 1 + len(values), dtype=values.dtype)).sum().backward()
    return [values.detach(), *(p.grad for p in learner.parameters() if p.grad is not None)]


@pytest.mark.parametrize("kind", [MAML, FOMAML, ANIL])
@pytest.mark.parametrize("first", [nn.Identity, Counting, Recomputed])
def test_episodes_that_share_one_give_what_each_gives_with_one_for_itself(kind, first):
    learner = kind(network(first()), inner_rate=0.1, n_steps=2)
    for one, other in zip(gradients(learner, run_one_by_one), gradients(learner, run_loop), strict=True):
        torch.testing.assert_close(one, other)


def test_modules_are_copied_once_for_episodes_that_are_run_one_by_one(monkeypatch):
    copied = []
    before = own_model.module_copy
    monkeypatch.setattr(own_model, "module_copy", lambda model: (copied.append(model), before(model))[1])
    learner = MAML(network(nn.Identity()), n_steps=2)
    gradients(learner, run_one_by_one)
    assert len(copied) == 1
    gradients(learner, run_loop)  # whose backward pass may run a part of an episode once more
    assert len(copied) == 1 + len(episodes())


def test_as_new_forgets_parameters_notes_and_replaced_buffers():
    net = nn.Sequential(Counting(), nn.Linear(1, 1, bias=False))
    own = OwnModel(net, computed_weights=ComputedWeights(net))
    x = torch.ones(1, 1)
    first = own({}, x, 0)
    assert own({"1.weight": torch.full((1, 1), 100.0)}, x, 0) > first
    assert torch.equal(own.as_new()({}, x, 0), first)
    assert net[0].n_calls == 0
