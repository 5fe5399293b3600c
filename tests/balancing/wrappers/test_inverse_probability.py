"""Weights by inverse probability: what is expected, what the wrapped balancer sees, what is refused."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward, Balancer, Evidence, Weights, balancer_by_name
from polytask.balancing.methods import (
    DWA,
    FAMO,
    AutoLambda,
    EqualWeights,
    FixedWeights,
    PCGrad,
    UncertaintyWeighting,
    UPGrad,
)
from polytask.balancing.wrappers.inverse_probability import InverseProbability
from polytask.checks import check_balancer
from polytask.core import Batch, SharedModel, Task, shared_parameters
from polytask.core.errors import InputError
from polytask.data import JointSource
from polytask.data.steps.task_sampling import TaskSampling

NAMES = ("a", "b", "c")
CHANCES = {"a": 0.25, "b": 0.5, "c": 1.0}


def evidence(*names: str, rows: torch.Tensor | None = None, losses: torch.Tensor | None = None) -> Evidence:
    found = torch.ones(len(names)) if losses is None else losses
    return Evidence(names, found, lambda: torch.eye(len(names)) if rows is None else rows)


@pytest.mark.parametrize("name", ["equal", "upgrad", "pcgrad", "uncertainty", "dwa", "grad-drop"])
def test_it_keeps_the_contract_of_a_balancer(name):
    check_balancer(lambda names: InverseProbability(balancer_by_name(name, names), dict.fromkeys(names, 0.5)))


def test_weights_are_divided_by_the_probability_of_their_task():
    balancer = InverseProbability(FixedWeights({"a": 1.0, "b": 3.0, "c": 5.0}), CHANCES)
    update = balancer(evidence("c", "a"))
    assert isinstance(update, Weights) and update.values.tolist() == [5.0, 4.0]


def test_losses_are_seen_as_they_are():
    plain, wrapped = DWA(NAMES, window=1), InverseProbability(DWA(NAMES, window=1), CHANCES)
    for losses in ([1.0, 2.0, 3.0], [0.5, 1.9, 3.0], [0.4, 1.0, 1.0]):
        first, second = (b(evidence(*NAMES, losses=torch.tensor(losses))) for b in (plain, wrapped))
    scale = torch.tensor([4.0, 2.0, 1.0])
    assert isinstance(first, Weights) and isinstance(second, Weights) and first.values.std() > 0.01
    torch.testing.assert_close(second.values, first.values * scale)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000))
def test_upgrad_still_increases_no_objective(seed):
    rows = torch.randn(3, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = evidence(*NAMES, rows=rows, losses=torch.ones(3, dtype=torch.float64))
    update = InverseProbability(UPGrad(regularization=1e-9), CHANCES)(found)
    assert isinstance(update, Weights)
    assert (rows @ (rows.T @ update.values) >= -1e-5 * rows.norm() ** 2).all()


def test_a_balancer_by_coordinate_sees_divided_gradients():
    rows = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    direction = InverseProbability(balancer_by_name("grad-drop", ["a", "b"]), CHANCES)
    torch.manual_seed(0)
    wrapped = direction(evidence("a", "b", rows=rows))
    torch.manual_seed(0)
    plain = balancer_by_name("grad-drop", ["a", "b"])(
        evidence("a", "b", rows=rows * torch.tensor([[4.0], [2.0]]))
    )
    assert not isinstance(plain, Weights)
    torch.testing.assert_close(wrapped.values, plain.values)


def test_halves_and_validation_examples_are_seen_too():
    cross = torch.tensor([[1.0, -0.4], [0.2, 2.0]])
    scale = torch.tensor([4.0, 2.0])
    plain, wrapped = (balancer_by_name("modo", ["a", "b"]) for _ in range(2))
    expected = plain(
        Evidence(("a", "b"), torch.ones(2), torch.Tensor, cross=lambda: cross * scale.outer(scale))
    )
    found = InverseProbability(wrapped, {"a": 0.25, "b": 0.5})(
        Evidence(("a", "b"), torch.ones(2), torch.Tensor, cross=lambda: cross)
    )
    assert isinstance(expected, Weights) and isinstance(found, Weights)
    torch.testing.assert_close(found.values, expected.values * scale)
    rows, places = torch.eye(2), []
    looking = InverseProbability(AutoLambda(["a", "b"], lookahead=0.1), {"a": 0.25, "b": 0.5})
    looking(
        Evidence(
            ("a", "b"),
            torch.ones(2),
            lambda: rows,
            validation=lambda at: (places.append(at), torch.ones(2))[1],
        )
    )
    torch.testing.assert_close(places[0], -0.1 * scale)  # the step that will be made


def test_parameters_of_the_balancer_are_trained_as_if_it_stood_alone():
    gradients = []
    for wrap in (lambda balancer: balancer, lambda balancer: InverseProbability(balancer, CHANCES)):
        own = UncertaintyWeighting(NAMES)
        update = wrap(own)(evidence("a", "b", losses=torch.tensor([3.0, 0.2])))
        criterion = (update.values * torch.tensor([3.0, 0.2])).sum() + update.regularizer
        criterion.backward()
        gradients.append([p.grad for p in own.parameters()])
    assert gradients[0] == gradients[1] and gradients[0][:2] == [-2.0, torch.tensor(0.8)]


@pytest.mark.parametrize("build", [EqualWeights, lambda: FixedWeights({"a": 0.5, "b": 2.0, "c": 1.0})])
def test_the_expected_gradient_is_that_of_all_tasks_at_once(build):
    tasks, sources = [Task(name=name, kind="regression") for name in NAMES], {}
    for place, task in enumerate(tasks):
        numbers = torch.randn(6, 3, generator=torch.Generator().manual_seed(place), dtype=torch.float64)
        data = Batch(inputs=numbers[:, :2], targets={task.name: numbers[:, 2]})
        sources[task.name] = JointSource([task], data, batch_size=6, seed=0)
    torch.manual_seed(0)
    heads: dict[str, nn.Module] = {name: nn.Linear(4, 1) for name in NAMES}
    model = SharedModel(tasks, HardSharing(nn.Sequential(nn.Linear(2, 4), nn.Tanh())), heads).double()
    sampled = TaskSampling(sources, n_rows={"a": 1, "b": 3, "c": 6})
    wrapped = InverseProbability(build(), sampled.inclusion_by_task())

    def gradient(balancer: Balancer, *names: str) -> torch.Tensor:
        model.zero_grad()
        BalancedBackward(model, balancer)(
            model.objectives([e for name in names for e in sources[name].step(0)])
        )
        return torch.cat([p.grad.reshape(-1) for p in shared_parameters(model) if p.grad is not None])

    expected = sum(chance * gradient(wrapped, name) for name, chance in sampled.inclusion.items())
    torch.testing.assert_close(expected, gradient(build(), *NAMES), rtol=1e-6, atol=1e-9)


def test_the_expected_objective_of_several_sampled_tasks_is_that_of_all():
    losses = {"a": 3.0, "b": 1.0, "c": 0.2, "d": 2.0}
    data = {n: Batch(inputs=torch.zeros(2, 1), targets={n: torch.zeros(2)}) for n in losses}
    sources = {
        n: JointSource([Task(name=n, kind="regression")], data[n], batch_size=2, seed=0) for n in losses
    }
    sampled = TaskSampling(sources, n_rows={"a": 1, "b": 2, "c": 9, "d": 4}, per_step=2)
    balancer = InverseProbability(EqualWeights(), sampled.inclusion_by_task())
    totals = []
    for index in range(3000):
        names = sampled.drawn(index)
        found = torch.tensor([losses[name] for name in names])
        update = balancer(evidence(*names, losses=found))
        assert isinstance(update, Weights)
        totals.append(float((update.values * found).sum()))
    estimates = torch.tensor(totals)
    deviation = abs(estimates.mean() - sum(losses.values())) / (estimates.std() / 3000**0.5)
    assert estimates.std() > 0.5 and deviation < 3


@pytest.mark.parametrize("chance", [0.0, -0.5, 1.5, float("nan")])
def test_a_probability_out_of_range_is_refused(chance):
    with pytest.raises(InputError, match=r"must be above 0 and at most 1: b \("):
        InverseProbability(EqualWeights(), {"a": 0.5, "b": chance})


def test_an_objective_without_probability_is_named():
    with pytest.raises(InputError, match="InverseProbability does not know x"):
        InverseProbability(PCGrad(), CHANCES)(evidence("a", "x"))


def test_a_balancer_that_looks_after_the_step_is_told_the_losses_as_they_are():
    inner, alone = FAMO(NAMES), FAMO(NAMES)
    wrapped = InverseProbability(inner, CHANCES)
    for balancer in (wrapped, alone):
        balancer(evidence(*NAMES))
        balancer.after_step(NAMES, torch.tensor([0.5, 0.9, 1.0]))
    assert wrapped.looks_after and torch.equal(inner.logits, alone.logits) and float(inner.logits.std()) > 0
