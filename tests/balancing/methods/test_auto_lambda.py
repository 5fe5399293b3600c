"""Auto-lambda against the derivative of the validation loss."""

import torch
from tests.balancing.methods.gradients import NAMES, rows_of
from torch import Tensor

from polytask.balancing import Evidence
from polytask.balancing.methods import AutoLambda


def test_auto_lambda_moves_by_the_derivative_of_the_validation_loss_after_the_step():
    rows, rate, lookahead = rows_of(), 1e-3, 0.2
    center = torch.linspace(-1, 1, 12).double()

    def validation_loss(values: Tensor) -> Tensor:
        return ((-lookahead * values @ rows - center) ** 2).sum()

    values = torch.ones(3).double().requires_grad_()
    (slope,) = torch.autograd.grad(validation_loss(values), values)
    evidence = Evidence(NAMES, torch.ones(3).double(), lambda: rows, validation=lambda d: 2 * (d - center))
    balancer = AutoLambda(NAMES, lookahead=lookahead, rate=rate)
    moved = balancer(evidence).values
    torch.testing.assert_close(moved, 1 - rate * slope.sign())  # Adam's first step
    torch.testing.assert_close(balancer.adam.moments[:, 0], 0.1 * slope)


def test_auto_lambda_takes_no_weight_below_zero_and_lets_it_come_back():
    rows, sign = torch.eye(3, 12).double(), torch.tensor([1.0])
    evidence = Evidence(
        NAMES, torch.ones(3).double(), lambda: rows, validation=lambda _: -sign * rows[0] + rows[1]
    )
    balancer = AutoLambda(NAMES, rate=0.3)
    values = torch.stack([balancer(evidence).values for _ in range(8)])
    assert float(values[3, 0]) == float(values[-1, 0]) == 0 and float(values[-1, 1]) > 2
    sign.neg_()
    for _ in range(30):
        balancer(evidence)
    assert float(balancer.weight[0]) > 1
