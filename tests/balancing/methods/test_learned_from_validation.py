"""What MOML and FORUM share: they learn from every validation objective."""

import copy

import pytest
import torch
from tests.balancing.methods.held_out import NAMES, ROWS, N, numbers, seen
from torch import nn

from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward, Evidence
from polytask.balancing.methods.forum import FORUM
from polytask.balancing.methods.moml import MOML
from polytask.core import Batch, Episode, InputError, SharedModel, Task, jacobian, seeded, shared_parameters
from polytask.data import JointSource
from polytask.train import train


@pytest.mark.parametrize("build", [MOML, FORUM])
def test_a_run_resumed_from_saved_state_goes_on_as_if_it_had_never_stopped(build):
    whole, first = build(NAMES), build(NAMES)
    for step in range(3):
        for balancer in (whole, first):
            balancer(seen(rows=numbers(3, N, seed=step)))
    second = build(NAMES)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for step in range(3, 6):
        rows = numbers(3, N, seed=step)
        assert torch.equal(second(seen(rows=rows)).values, whole(seen(rows=rows)).values)


@pytest.mark.parametrize("build", [MOML, lambda names: FORUM(names, rho=10.0)])  # the constraint binds
def test_an_absent_training_objective_keeps_its_weight(build):
    balancer = build(NAMES)
    balancer(seen())
    before = {name: buffer.clone() for name, buffer in balancer.named_buffers()}
    balancer(seen(rows=ROWS[[0, 2]], names=("a", "c")))
    assert float(balancer.logits[1]) == float(before["logits"][1])
    assert torch.equal(balancer.adam.moments[1], before["adam.moments"][1])
    assert not torch.equal(balancer.logits[[0, 2]], before["logits"][[0, 2]])


TASKS = (Task(name="a", kind="regression"), Task(name="b", kind="regression"))


def learner() -> SharedModel:
    with seeded(0, "model"):
        trunk = nn.Sequential(nn.Linear(4, 5), nn.Tanh())
        return SharedModel(TASKS, HardSharing(trunk), {t.name: nn.Linear(5, 1) for t in TASKS}).double()


def batch(seed: int, n_rows: int = 8) -> Batch:
    return Batch(
        inputs=numbers(n_rows, 4, seed=seed),
        targets={t.name: numbers(n_rows, seed=seed + place + 50) for place, t in enumerate(TASKS)},
    )


def test_a_step_sees_the_gradient_of_every_validation_objective_where_it_is_asked_for():
    model, found = learner(), {}

    class Asks(MOML):
        def forward(self, evidence: Evidence):
            displacement = 0.01 * torch.ones_like(evidence.jacobian()[0])
            found.update(evidence.validation_gradients(displacement))
            return super().forward(evidence)

    training, validation = (Episode(tasks=TASKS, query=batch(seed)) for seed in (0, 1))
    balancer = Asks(["a", "b"])
    BalancedBackward(model, balancer)(
        model.objectives([training]), validation=lambda: model.objectives([validation])
    )
    moved = copy.deepcopy(model)
    for parameter in shared_parameters(moved):
        parameter.data += 0.01
    expected = jacobian(moved.objectives([validation]).values, shared_parameters(moved))
    assert list(found) == ["a", "b"]
    torch.testing.assert_close(torch.stack([*found.values()]), expected)


@pytest.mark.parametrize("build", [MOML, FORUM])
def test_training_with_validation_examples_learns_both_tasks(build):
    inputs = numbers(400, 4, seed=7)
    targets = {"a": inputs[:, 0] + inputs[:, 1], "b": inputs[:, 2] - inputs[:, 1]}

    def part(rows: slice, seed: int) -> JointSource:
        data = Batch(inputs=inputs[rows], targets={name: value[rows] for name, value in targets.items()})
        return JointSource(TASKS, data, batch_size=32, seed=seed)

    model = learner().float()
    outcome = train(
        model,
        part(slice(0, 200), 0),
        n_steps=100,
        balancer=build(["a", "b"]),
        validation_source=part(slice(200, 300), 1),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-2),
    )
    with torch.no_grad():
        answers = model.adapt(TASKS)(inputs[300:].float())
    for name, target in targets.items():
        error = (answers[name][:, 0] - target[300:]).square().mean() / target[300:].var()
        assert float(error) < 0.2
    assert outcome.skipped == 0


@pytest.mark.parametrize("build", [MOML, FORUM])
def test_without_validation_examples_the_remedy_is_named(build):
    with pytest.raises(InputError, match="pass `train` a `validation_source`"):
        build(NAMES)(seen(validation=None))
