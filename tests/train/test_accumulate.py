"""A step in parts: each part draws for itself, and draws the same whenever it is run."""

import pytest
import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing
from polytask.balancing import balancer_by_name
from polytask.balancing.engines import Engine
from polytask.core import Batch, SharedModel, Task
from polytask.data import JointSource
from polytask.train import train

NAMES = ("a", "b")
TASKS = tuple(Task(name=name, kind="regression") for name in NAMES)


class Masks(nn.Dropout):
    """Dropout that remembers what it let pass, run by run."""

    def forward(self, input: Tensor) -> Tensor:
        output = super().forward(input)
        self.seen = [*getattr(self, "seen", []), tuple((output != 0).flatten().tolist())]
        return output


def trained(balancer: str, *, accumulate: int, n_steps: int = 2, **options) -> list[tuple[bool, ...]]:
    torch.manual_seed(0)
    dropout = Masks(0.5)
    trunk = nn.Sequential(nn.Linear(3, 16), dropout)
    learner = SharedModel(TASKS, HardSharing(trunk), {name: nn.Linear(16, 1) for name in NAMES})
    data = Batch(inputs=torch.ones(8, 3), targets={name: torch.ones(8) for name in NAMES})
    source = JointSource(TASKS, data, batch_size=8, seed=0)
    train(
        learner, source, n_steps=n_steps, balancer=balancer_by_name(balancer, NAMES), accumulate=accumulate,
        **options,
    )  # fmt: skip
    return dropout.seen


@pytest.mark.parametrize(("balancer", "n_runs"), [("equal", 2), ("upgrad", 3), ("moco", 3), ("famo", 3)])
def test_every_part_of_every_step_has_its_own_dropout_and_keeps_it(balancer, n_runs):
    seen = trained(balancer, accumulate=2)
    assert len(seen) == 2 * 2 * n_runs  # step, part, run
    steps = [seen[: 2 * n_runs], seen[2 * n_runs :]]
    for step in steps:
        assert step == step[:2] * n_runs
    assert len({step[part] for step in steps for part in range(2)}) == 4


def test_halves_of_parts_draw_for_themselves_too():
    seen = trained("modo", accumulate=2, n_steps=1)
    assert len({mask[:16] for mask in seen}) == 2  # of the first row, one for each part


@pytest.mark.parametrize("balancer", ["random", "pcgrad", "grad-drop", "modo"])
def test_a_method_that_draws_draws_the_same_in_one_part_and_in_many(balancer):
    def weights(accumulate: int) -> Tensor:
        torch.manual_seed(0)
        shared = nn.Sequential(nn.Linear(3, 6), nn.Tanh())
        learner = SharedModel(TASKS, HardSharing(shared), {name: nn.Linear(6, 1) for name in NAMES})
        inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
        data = Batch(inputs=inputs, targets={"a": inputs[:, 0], "b": -inputs[:, 0] + inputs[:, 1]})
        train(
            learner, JointSource(TASKS, data, batch_size=8, seed=0), n_steps=2, precision="64-true",
            balancer=balancer_by_name(balancer, NAMES), accumulate=accumulate,
            optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        )  # fmt: skip
        return torch.cat([parameter.detach().flatten() for parameter in learner.parameters()])

    torch.testing.assert_close(weights(2), weights(1), rtol=1e-9, atol=1e-12)


class Own(Engine):
    """Somebody's engine, which knows of no parts."""

    def gramian(self, step) -> Tensor:
        rows = step.rows()
        return rows @ rows.T


def test_an_engine_of_ones_own_trains_in_parts_as_on_whole_steps():
    def weights(accumulate: int) -> Tensor:
        torch.manual_seed(0)
        trunk = nn.Sequential(nn.Linear(3, 6), nn.Tanh())
        learner = SharedModel(TASKS, HardSharing(trunk), {name: nn.Linear(6, 1) for name in NAMES}).double()
        inputs = torch.randn(8, 3, dtype=torch.float64)
        data = Batch(inputs=inputs, targets={"a": inputs[:, 0], "b": -inputs[:, 1]})
        source = JointSource(TASKS, data, batch_size=8, seed=0)
        balancer = balancer_by_name("upgrad", NAMES)
        train(learner, source, n_steps=3, balancer=balancer, accumulate=accumulate, engine=Own())
        return torch.cat([parameter.detach().flatten() for parameter in learner.parameters()])

    torch.testing.assert_close(weights(2), weights(1), rtol=1e-9, atol=1e-12)
