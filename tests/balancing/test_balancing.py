"""The balanced step against TorchJD's, and what reaches what."""

import copy

import pytest
import torch
from tests.balancing.small import EXACT, TASKS, episodes, gradients, learner
from torch import nn
from torchjd.aggregation import UPGrad as TorchJDUPGrad
from torchjd.autojac import jac_to_grad, mtl_backward

from polytask.architectures import SoftSharing
from polytask.balancing import Aggregated, BalancedBackward, GramianWeighted
from polytask.balancing.methods import EqualWeights, UPGrad
from polytask.core import Batch, Episode, Objectives, SharedModel, jacobian, shared_parameters
from polytask.core.learner import run_loop
from polytask.execution import run_vmap
from polytask.meta import mlp
from polytask.meta.initialization import MAML


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
