"""Watching a training run: the same training, and the affinities that a copy would show."""

import copy

import pytest
import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing
from polytask.balancing import Balancer, Evidence
from polytask.balancing.methods import FAMO, EqualWeights, TrimmedMean, UPGrad
from polytask.core import Batch, InputError, SharedModel, Task
from polytask.data import JointSource
from polytask.relate.gradient_cosines import gradient_affinity
from polytask.relate.watched import WatchedBalancer
from polytask.train import train

NAMES = ["t0", "t1", "t2"]


def problem() -> tuple[SharedModel, JointSource]:
    torch.manual_seed(0)
    tasks = [Task(name=name, kind="regression") for name in NAMES]
    inputs = torch.randn(24, 4)
    data = Batch(inputs=inputs, targets={task.name: inputs @ torch.randn(4) for task in tasks})
    heads = {task.name: nn.Linear(5, 1) for task in tasks}
    model = SharedModel(tasks, HardSharing(nn.Sequential(nn.Linear(4, 5), nn.Tanh())), heads)
    return model, JointSource(tasks, data, batch_size=8, seed=0)


def weights(model: SharedModel) -> Tensor:
    return nn.utils.parameters_to_vector(model.parameters()).detach()


@pytest.mark.parametrize(
    "balancer", [EqualWeights(), UPGrad(), TrimmedMean()], ids=lambda b: type(b).__name__
)
def test_training_goes_as_it_would_unwatched(balancer: Balancer):
    model, source = problem()
    watched = copy.deepcopy(model)
    train(model, source, n_steps=5, balancer=copy.deepcopy(balancer), engine="loop")
    train(watched, source, n_steps=5, balancer=WatchedBalancer(balancer, NAMES), engine="loop")
    torch.testing.assert_close(weights(watched), weights(model), atol=1e-6, rtol=0)


def test_it_sees_what_a_copy_shows_that_is_trained_alike():
    model, source = problem()
    balancer = WatchedBalancer(EqualWeights(), NAMES)
    expected = gradient_affinity(
        model, source, n_steps=6, optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3)
    )
    train(model, source, n_steps=6, balancer=balancer)
    torch.testing.assert_close(balancer.affinity().matrix, expected.matrix, atol=1e-5, rtol=0)


def test_only_every_so_manieth_step_is_looked_at():
    balancer = WatchedBalancer(EqualWeights(), NAMES, every=3)
    model, source = problem()
    train(model, source, n_steps=7, balancer=balancer)
    assert (balancer.affinity().n_seen == 3).all()


def test_a_step_that_is_not_watched_computes_no_gradient():
    balancer = WatchedBalancer(EqualWeights(), ["a"], every=2)
    calls = []

    def jacobian() -> Tensor:
        calls.append(1)
        return torch.ones(1, 2)

    for _ in range(4):
        balancer(Evidence(("a",), torch.ones(1), jacobian))
    assert len(calls) == 2


def test_what_was_seen_travels_in_the_state():
    balancer, other = (WatchedBalancer(EqualWeights(), NAMES, every=2) for _ in range(2))
    model, source = problem()
    train(model, source, n_steps=3, balancer=balancer)
    other.load_state_dict(balancer.state_dict())
    assert torch.equal(other.affinity().matrix, balancer.affinity().matrix)
    assert int(other.steps) == 3


def test_a_balancer_that_looks_after_the_step_balances_as_it_would_unwatched():
    model, source = problem()
    watched = copy.deepcopy(model)
    train(model, source, n_steps=4, balancer=FAMO(NAMES), engine="loop")
    train(watched, source, n_steps=4, balancer=WatchedBalancer(FAMO(NAMES), NAMES), engine="loop")
    torch.testing.assert_close(weights(watched), weights(model), atol=1e-6, rtol=0)


def test_watching_less_than_every_step_is_refused():
    with pytest.raises(InputError, match="`every` must be at least 1, got 0"):
        WatchedBalancer(EqualWeights(), NAMES, every=0)
