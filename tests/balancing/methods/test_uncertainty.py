"""Uncertainty weighting against TorchJD's."""

import torch
from tests.balancing.small import TASKS, episodes, learner
from torchjd.scalarization import UW

from polytask.balancing import BalancedBackward, Evidence
from polytask.balancing.methods import UncertaintyWeighting
from polytask.core import Episode


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
