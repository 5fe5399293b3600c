"""A step in parts makes the update of the whole step."""

from functools import partial

import pytest
import torch
from torch import nn

from polytask.architectures import HardSharing, SoftSharing
from polytask.balancing import BalancedBackward, balancer_by_name
from polytask.balancing.catalogue import balancer_entries
from polytask.balancing.engines import Engine
from polytask.balancing.methods import UPGrad
from polytask.balancing.step.accumulation import Accumulation
from polytask.balancing.step.gradients import StepGradients
from polytask.balancing.step.processes import Processes
from polytask.core import (
    Batch,
    Episode,
    InputError,
    Learner,
    Objectives,
    SharedModel,
    Task,
    generator,
    jacobian,
    seeded,
    shared_parameters,
)
from polytask.train.parts import part_of

NAMES = ["a", "b", "c"]
TASKS = tuple(Task(name=name, kind="regression") for name in NAMES)


def hard() -> SharedModel:
    with seeded(0, "model"):
        trunk = nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, 6), nn.Tanh())
        heads = {name: nn.Linear(6, 1) for name in NAMES}
        return SharedModel(TASKS, HardSharing(trunk), heads).double()


def soft() -> SharedModel:
    with seeded(0, "model"):
        sharing = SoftSharing(NAMES, lambda: nn.Linear(5, 6), strength=0.1)
        return SharedModel(TASKS, sharing, {name: nn.Linear(6, 1) for name in NAMES}).double()


def episodes(step: int, part: int = 0, n_parts: int = 1, half: int | None = None) -> list[Episode]:
    """The first task has a label everywhere, the second in the first four rows alone."""
    draw = generator(step, "batch")
    rows = torch.arange(10)
    data = Batch(
        inputs=torch.randn(10, 5, generator=draw, dtype=torch.float64),
        targets={name: torch.randn(10, generator=draw, dtype=torch.float64) for name in NAMES},
        masks={"b": rows < 4, "c": rows % 3 == 0},
    )
    return part_of([Episode(tasks=TASKS, query=data)], part, n_parts, half=half)


def gradients(*modules: nn.Module) -> dict[str, torch.Tensor]:
    return {
        f"{place}.{name}": parameter.grad
        for place, module in enumerate(modules)
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }


def two_steps(learner: SharedModel, balancer_name: str, n_parts: int, engine: str = "auto"):
    """Run two steps, of which the second looks at what the method has kept; return all gradients."""
    balancer = balancer_by_name(balancer_name, NAMES).double()
    backward = BalancedBackward(learner, balancer, engine=engine)
    for step in range(2):

        def part(position: int, half: int | None = None, at: int = step) -> Objectives:
            return learner.objectives(episodes(at, position, n_parts, half))

        def whole(half: int | None = None, part=part) -> Accumulation:
            return Accumulation(learner, [partial(part, position, half) for position in range(n_parts)])

        def held_out() -> Objectives:
            return learner.objectives(episodes(7))

        with seeded(step, "balance"):
            if n_parts == 1:
                halves = partial(lambda part: (part(0, 0), part(0, 1)), part)
                balance = backward(part(0), halves=halves, validation=held_out)
            else:
                halves = partial(lambda whole: (whole(0), whole(1)), whole)
                balance = backward.accumulated(whole(), halves=halves, validation=held_out)
        if balancer.looks_after:
            balancer.after_step(tuple(balance.losses), torch.full((len(balance.losses),), 0.5).double())
    return gradients(learner, balancer), balance


@pytest.mark.parametrize("name", balancer_entries())
def test_every_method_makes_the_update_of_the_whole_step(name):
    (whole, decided), (parts, in_parts) = two_steps(hard(), name, 1), two_steps(hard(), name, 3)
    assert set(parts) == set(whole)
    for key, gradient in whole.items():
        torch.testing.assert_close(parts[key], gradient, rtol=1e-8, atol=1e-10)
    assert in_parts.weights == pytest.approx(decided.weights, rel=1e-8)
    assert in_parts.losses == pytest.approx(decided.losses, rel=1e-12)


@pytest.mark.parametrize("engine", ["exact", "loop", "streamed", "features", "last-layer"])
def test_every_engine_sees_the_gramian_of_the_whole_step(engine):
    whole, parts = (two_steps(hard(), "upgrad", n_parts, engine)[1] for n_parts in (1, 3))
    torch.testing.assert_close(parts.gramian, whole.gramian, rtol=1e-10, atol=1e-12)


def test_a_penalty_counts_once():
    whole, parts = (two_steps(soft(), "equal", n_parts)[0] for n_parts in (1, 3))
    for key, gradient in whole.items():
        torch.testing.assert_close(parts[key], gradient, rtol=1e-10, atol=1e-12)


def test_a_part_without_any_label_changes_nothing():
    learner = hard()
    data = Batch(
        inputs=torch.randn(4, 5, dtype=torch.float64),
        targets={"a": torch.randn(4, dtype=torch.float64)},
        masks={"a": torch.zeros(4, dtype=torch.bool)},
    )
    empty = [Episode(tasks=TASKS[:1], query=data)]

    def update(*parts: list[Episode]) -> dict[str, torch.Tensor]:
        learner.zero_grad()
        functions = [lambda part=part: learner.objectives(part) for part in parts]
        BalancedBackward(learner, UPGrad(), engine="features").accumulated(Accumulation(learner, functions))
        return gradients(learner)

    alone, beside = update(episodes(0)), update(empty, episodes(0))
    for key, gradient in alone.items():
        torch.testing.assert_close(beside[key], gradient)


class Seeing(nn.BatchNorm1d):
    """Batch normalization that remembers the running mean which each run found."""

    def forward(self, input):
        self.seen = [*getattr(self, "seen", []), float(self.running_mean[0])]
        return super().forward(input)


@pytest.mark.parametrize(("name", "n_runs"), [("uncertainty", 2), ("upgrad", 3), ("moco", 3)])
def test_running_statistics_move_in_the_last_run_of_each_part_alone(name, n_runs):
    learner = hard()
    learner.sharing.trunk.append(Seeing(6).double())
    norm = learner.sharing.trunk[4]
    parts = [lambda part=part: learner.objectives(episodes(0, part, 2)) for part in range(2)]
    accumulation = Accumulation(learner, parts)
    assert norm.num_batches_tracked == 0 and not norm.running_mean.any()
    balancer = balancer_by_name(name, NAMES).double()
    BalancedBackward(learner, balancer, engine="loop").accumulated(accumulation)
    # Every run of a part starts from the same statistics: zero, and those that the first part leaves.
    assert norm.seen == norm.seen[:2] * n_runs
    assert norm.seen[0] == 0 != norm.seen[1]
    plain = hard()
    plain.sharing.trunk.append(nn.BatchNorm1d(6).double())
    for part in range(2):
        plain.objectives(episodes(0, part, 2))
    assert torch.equal(norm.running_mean, plain.sharing.trunk[4].running_mean)
    assert torch.equal(norm.running_var, plain.sharing.trunk[4].running_var)


class Own(Engine):
    """Somebody's engine, which looks at graphs and rows."""

    n_graphs = 0

    def gramian(self, step: StepGradients) -> torch.Tensor:
        self.n_graphs += sum(len(graph.values) > 0 for graph, _ in step.graphs())
        rows = step.rows()
        return 2 * rows @ rows.T


def test_an_engine_of_ones_own_makes_the_gramian_of_the_whole_step_from_its_parts():
    engine = Own()
    learner = hard()
    parts = [lambda part=part: learner.objectives(episodes(0, part, 3)) for part in range(3)]
    balance = BalancedBackward(learner, UPGrad(), engine=engine).accumulated(Accumulation(learner, parts))
    rows = jacobian(learner.objectives(episodes(0)).values, shared_parameters(learner))
    assert engine.n_graphs == 3
    torch.testing.assert_close(balance.gramian, 2 * rows @ rows.T, rtol=1e-9, atol=1e-12)


def test_methods_that_compare_halves_ask_for_them():
    learner = hard()
    parts = [
        partial(lambda position: learner.objectives(episodes(0, position, 2)), each) for each in range(2)
    ]
    backward = BalancedBackward(learner, balancer_by_name("modo", NAMES).double())
    with pytest.raises(InputError, match="needs gradients of two independent halves of a batch"):
        backward.accumulated(Accumulation(learner, parts))


class Second(Processes):
    """The second of two processes with as much to do each."""

    def __init__(self) -> None:
        self.size, self.rank = 2, 1

    def gather(self, value):
        return [value, value]


def test_episodes_of_parts_stand_behind_those_of_the_process_before():
    parts = [
        lambda part=part: Objectives(values=torch.tensor([1.0 + part, 3.0 + part]), names=("x", "y"))
        for part in range(3)
    ]
    accumulation = Accumulation(hard(), parts, processes=Second())
    assert accumulation.names == tuple(f"{name}@{part}" for part in range(6) for name in "xy")
    assert accumulation.shares().tolist() == [0, 0, 0, 0, 0, 0, 1, 3, 2, 4, 3, 5]


def test_a_step_needs_a_part():
    learner: Learner = hard()
    with pytest.raises(InputError, match="`parts` must have at least one part"):
        Accumulation(learner, [])
