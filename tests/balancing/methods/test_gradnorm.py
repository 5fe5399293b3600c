"""GradNorm: its criterion and the slope of it."""

import torch
from tests.balancing.methods.gradients import NAMES, rows_of, seen, weights
from torch import Tensor

from polytask.balancing.methods import GradNorm


def test_grad_norm_pulls_ahead_the_objective_that_falls_behind():
    balancer = GradNorm(NAMES, alpha=1.0).double()
    rows = torch.eye(3, 12).double()
    optimizer = torch.optim.SGD(balancer.parameters(), lr=0.05)
    for losses in ([1.0, 1.0, 1.0], [1.0, 0.5, 0.5], [1.0, 0.2, 0.2]):
        update = balancer(seen(rows, losses=torch.tensor(losses).double()))
        optimizer.zero_grad()
        update.regularizer.backward()
        optimizer.step()
    values = weights(balancer, rows)
    assert values[0] > values[1]
    torch.testing.assert_close(values.sum(), torch.tensor(3.0).double())


def test_grad_norm_trains_its_weights_by_the_slope_of_its_criterion():
    balancer = GradNorm(NAMES, alpha=1.5).double()
    rows, losses = rows_of(), torch.tensor([1.0, 2.0, 3.0]).double()
    balancer(seen(rows, losses=losses))
    later = losses * torch.tensor([0.9, 0.5, 0.7]).double()
    balancer(seen(rows, losses=later)).regularizer.backward()
    norms, rate = rows.norm(dim=1), (later / losses) / (later / losses).mean()
    target = norms.mean() * rate**1.5  # at weights of 1

    def criterion(logs: Tensor) -> Tensor:
        return (3 * logs.softmax(0) * norms - target).abs().sum()

    logs = torch.zeros(3).double().requires_grad_()
    criterion(logs).backward()
    torch.testing.assert_close(torch.stack([one.grad for one in balancer.log_weight.values]), logs.grad)
