"""Balancers against TorchJD, closed forms and each other."""

import copy

import pytest
import torch
from torch import nn
from torchjd.aggregation import UPGrad as TorchJDUPGrad
from torchjd.autojac import jac_to_grad, mtl_backward
from torchjd.linalg import QuadprogProjector
from torchjd.scalarization import UW, GeometricMean

from polytask.architectures import HardSharing, SoftSharing
from polytask.balancing import (
    Aggregated,
    BalancedBackward,
    Evidence,
    GramianWeighted,
    Scalarized,
    balancer_by_name,
)
from polytask.balancing.methods import EqualWeights, UncertaintyWeighting, UPGrad
from polytask.core import (
    Batch,
    Episode,
    InputError,
    Objectives,
    SharedModel,
    Task,
    TrainingError,
    jacobian,
    shared_parameters,
)
from polytask.core.errors import NotFiniteError
from polytask.core.learner import run_loop
from polytask.execution import run_vmap
from polytask.meta import mlp
from polytask.meta.initialization import MAML

EXACT = QuadprogProjector(reg_eps=1e-11)
TASKS = [Task(name=name, kind="regression") for name in "abc"]


def learner(seed: int = 0) -> SharedModel:
    torch.manual_seed(seed)
    trunk = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh())
    return SharedModel(TASKS, HardSharing(trunk), {task.name: nn.Linear(5, 1) for task in TASKS}).double()


def episodes() -> list[Episode]:
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(16, 4, generator=draw, dtype=torch.float64)
    targets = {"a": x[:, 0], "b": -x[:, 0] + x[:, 1], "c": 5 * x[:, 2]}
    return [Episode(tasks=tuple(TASKS), query=Batch(inputs=x, targets=targets))]


def gradients(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.reshape(-1) for p in module.parameters()])


def test_equal_weights_are_one_ordinary_backward():
    ours, plain = learner(), learner()
    BalancedBackward(ours, EqualWeights())(ours.objectives(episodes()))
    plain.objectives(episodes()).total().backward()
    assert torch.equal(gradients(ours), gradients(plain))


def test_upgrad_is_torchjds_upgrad_times_the_number_of_tasks():
    model = learner()
    rows = jacobian(model.objectives(episodes()).values, shared_parameters(model))
    expected = TorchJDUPGrad(projector=EXACT)(rows) * 3
    BalancedBackward(model, UPGrad())(model.objectives(episodes()))
    got = torch.cat([p.grad.reshape(-1) for p in shared_parameters(model)])
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-8)


def test_the_two_phase_step_agrees_with_torchjds_mtl_backward():
    ours, theirs = learner(), learner()
    BalancedBackward(ours, UPGrad())(ours.objectives(episodes()))
    (episode,) = episodes()
    features = theirs.sharing.trunk(episode.query.inputs)
    losses = [
        task.objective(theirs.heads[task.name](features), episode.query.targets[task.name]) for task in TASKS
    ]
    mtl_backward(losses, features=features)
    jac_to_grad(shared_parameters(theirs), TorchJDUPGrad(projector=EXACT))
    for mine, other in zip(shared_parameters(ours), shared_parameters(theirs), strict=True):
        torch.testing.assert_close(mine.grad, 3 * other.grad, rtol=1e-6, atol=1e-8)
    for mine, other in zip(ours.heads.parameters(), theirs.heads.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_without_conflict_upgrad_is_the_plain_sum():
    rows = torch.eye(3, 7, dtype=torch.float64) * torch.tensor([[1.0], [2.0], [3.0]])
    weights = UPGrad()(Evidence(("a", "b", "c"), torch.ones(3), lambda: rows)).values
    torch.testing.assert_close(weights, torch.ones(3, dtype=torch.float64))


def test_uncertainty_weighting_is_twice_torchjds():
    losses = torch.tensor([0.5, 2.0, 3.0])
    ours, theirs = UncertaintyWeighting(["a", "b", "c"]), UW(3)
    with torch.no_grad():
        for own, value in zip(ours.parameters(), [0.3, -0.2, 0.7]):
            own.fill_(value)
        theirs.log_var.copy_(torch.tensor([0.3, -0.2, 0.7]))
    update = ours(Evidence(("a", "b", "c"), losses, torch.Tensor))
    total = (update.values * losses).sum() + update.regularizer
    torch.testing.assert_close(total, 2 * theirs(losses))
    total.backward()
    theirs(losses).backward()
    slopes = torch.stack([own.grad for own in ours.parameters()])
    torch.testing.assert_close(slopes, 2 * theirs.log_var.grad)


def test_uncertainty_weighting_finds_the_noise_of_each_task():
    balancer = UncertaintyWeighting(["a", "b"])
    optimizer = torch.optim.SGD(balancer.parameters(), lr=0.1)
    losses = torch.tensor([0.25, 4.0])
    for _ in range(300):
        update = balancer(Evidence(("a", "b"), losses, torch.Tensor))
        optimizer.zero_grad()
        ((update.values * losses).sum() + update.regularizer).backward()
        optimizer.step()
    torch.testing.assert_close(balancer(Evidence(("a", "b"), losses, torch.Tensor)).values, 1 / losses)


def test_an_absent_task_leaves_its_uncertainty_untouched_under_momentum():
    balancer, model = UncertaintyWeighting(["a", "b", "c"]), learner()
    optimizer = torch.optim.Adam(balancer.parameters())
    (episode,) = episodes()
    partial = [Episode(tasks=tuple(TASKS), query=episode.query.only(["a", "b"]))]
    for step in (episodes(), partial):
        before = [parameter.clone() for parameter in balancer.parameters()]
        optimizer.zero_grad()
        model.zero_grad()
        BalancedBackward(model, balancer)(model.objectives(step))
        optimizer.step()
    moved = [bool(new != old) for new, old in zip(balancer.parameters(), before)]
    assert moved == [True, True, False]
    assert model.heads["c"].weight.grad is None


def test_an_unknown_objective_is_named():
    with pytest.raises(InputError, match="does not know z"):
        UncertaintyWeighting(["a"])(Evidence(("z",), torch.ones(1), torch.Tensor))
    with pytest.raises(InputError, match=r"'magic'; `polytask\.balancing\.balancer_names\(\)` lists all"):
        balancer_by_name("magic", ["a"])


def test_scalarized_weights_are_the_gradient_of_the_scalarizer():
    model, plain = learner(), learner()
    BalancedBackward(model, Scalarized(GeometricMean()))(model.objectives(episodes()))
    GeometricMean()(plain.objectives(episodes()).values).backward()
    for mine, other in zip(shared_parameters(model), shared_parameters(plain), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_an_aggregator_of_the_full_jacobian_gives_the_direction():
    model, weighted = learner(), learner()
    BalancedBackward(model, Aggregated(TorchJDUPGrad(projector=EXACT)))(model.objectives(episodes()))
    BalancedBackward(weighted, UPGrad())(weighted.objectives(episodes()))
    torch.testing.assert_close(gradients(model), gradients(weighted), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("balancer", [EqualWeights(), UPGrad(), Aggregated(TorchJDUPGrad(projector=EXACT))])
def test_a_penalty_reaches_every_parameter_unweighted(balancer):
    model = learner()
    objectives = model.objectives(episodes())
    penalty = sum(p.square().sum() for p in model.parameters())
    with_penalty = Objectives(values=objectives.values, names=objectives.names, penalty=penalty)
    BalancedBackward(model, balancer)(with_penalty)
    total = gradients(model)
    model.zero_grad()
    BalancedBackward(model, balancer)(model.objectives(episodes()))
    expected = gradients(model) + 2 * torch.cat([p.detach().reshape(-1) for p in model.parameters()])
    torch.testing.assert_close(total, expected)


def test_soft_sharing_has_nothing_to_balance():
    torch.manual_seed(0)
    soft = SharedModel(
        TASKS, SoftSharing(list("abc"), lambda: nn.Linear(4, 5)), {name: nn.Linear(5, 1) for name in "abc"}
    ).double()
    plain = copy.deepcopy(soft)
    BalancedBackward(soft, UPGrad())(soft.objectives(episodes()))
    plain.objectives(episodes()).total().backward()
    torch.testing.assert_close(gradients(soft), gradients(plain))


def test_a_gradient_that_is_not_finite_names_its_task():
    rows = torch.tensor([[1.0, 2.0], [float("nan"), 1.0]])
    with pytest.raises(TrainingError, match="gradient of b is not finite"):
        UPGrad()(Evidence(("a", "b"), torch.ones(2), lambda: rows))


def test_gradients_of_halves_and_validation_examples_that_are_not_finite_name_their_task():
    rows = torch.tensor([[1.0, 2.0], [float("inf"), 1.0]])
    evidence = Evidence(
        ("a", "b"), torch.ones(2), lambda: rows.nan_to_num(0, 0, 0),
        cross=lambda: rows @ rows.T, validation=lambda _: {"y": rows[0], "z": rows[1]},
    )  # fmt: skip
    with pytest.raises(NotFiniteError, match="gradient of b is not finite"):
        balancer_by_name("modo", ["a", "b"])(evidence)
    for name in ("auto-lambda", "moml", "forum"):
        with pytest.raises(NotFiniteError, match="validation gradient of z is not finite"):
            balancer_by_name(name, ["a", "b"])(evidence)


def test_a_validation_step_without_any_label_is_named():
    evidence = Evidence(("a",), torch.ones(1), lambda: torch.ones(1, 2), validation=lambda _: {})
    with pytest.raises(TrainingError, match="No example of the validation step has a label"):
        balancer_by_name("auto-lambda", ["a"])(evidence)


@pytest.mark.parametrize("execution", [run_loop, run_vmap])
def test_conflicts_of_a_meta_batch_are_balanced_like_any_others(execution):
    from torchjd.aggregation import PCGrad, PCGradWeighting

    torch.manual_seed(0)
    maml = MAML(mlp([1, 8, 1], nn.Tanh)).double()
    draw = torch.Generator().manual_seed(0)

    def sine(sign: float) -> Batch:
        x = torch.rand(6, 1, generator=draw, dtype=torch.float64)
        return Batch(inputs=x, targets={"a": sign * torch.sin(3 * x[:, 0])})

    steps = [Episode(tasks=(TASKS[0],), support=sine(s), query=sine(s)) for s in (1, -1, 0.5)]
    rows = jacobian(maml.objectives(steps, execution=execution).values, list(maml.parameters()))
    assert (rows @ rows.T < 0).any()  # the tasks do conflict
    torch.manual_seed(5)
    expected = 3 * PCGrad()(rows)
    torch.manual_seed(5)
    BalancedBackward(maml, GramianWeighted(PCGradWeighting()))(maml.objectives(steps, execution=execution))
    torch.testing.assert_close(gradients(maml), expected, rtol=1e-8, atol=1e-11)
