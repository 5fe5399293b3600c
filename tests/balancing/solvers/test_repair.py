"""Repairing all gradients at once."""

import numpy as np
import pytest
import torch
from tests.balancing.methods.gradients import rows_of
from torch import Tensor

from polytask.balancing.solvers.repair import repaired


def surgery_by_rows(rows: Tensor, orders: Tensor, usual: Tensor, decay: float, *, vaccine: bool) -> Tensor:
    """PCGrad and GradVac as their papers write them, on the gradients, one pair at a time."""
    total = torch.zeros_like(rows[0])
    for t, others in enumerate(orders.tolist()):
        own = rows[t].clone()
        for s in others:
            cosine = own @ rows[s] / own.norm() / rows[s].norm()
            target = usual[t, s].clone() if vaccine else torch.tensor(0.0).double()
            if cosine < target:
                sine, target_sine = (1 - cosine**2).sqrt(), (1 - target**2).sqrt()
                factor = own.norm() * (target * sine - cosine * target_sine) / (rows[s].norm() * target_sine)
                own = own + factor * rows[s]
            usual[t, s] = (1 - decay) * usual[t, s] + decay * cosine
        total = total + own
    return total


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("vaccine", [False, True])
def test_repairing_all_gradients_at_once_equals_repairing_one_pair_at_a_time(n, vaccine):
    rows = rows_of(n)
    draw = np.random.default_rng(0)
    orders = torch.tensor([draw.permutation([s for s in range(n) if s != t]).tolist() for t in range(n)])
    usual = torch.full((n, n), 0.1 if vaccine else 0.0).double()
    coefficients, after = repaired(rows @ rows.T, orders, usual, decay=0.3 if vaccine else 0)
    slow = surgery_by_rows(rows, orders, usual, 0.3 if vaccine else 0, vaccine=vaccine)
    torch.testing.assert_close(coefficients.sum(0) @ rows, slow)
    torch.testing.assert_close(after, usual)  # changed in place by the slow one
