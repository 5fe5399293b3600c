"""UPGrad against TorchJD's."""

import torch
import torchjd.aggregation as reference
from tests.balancing.methods.gradients import rows_of, weights
from tests.balancing.small import EXACT, episodes, learner
from torchjd.aggregation import UPGrad as TorchJDUPGrad
from torchjd.linalg import QuadprogProjector

from polytask.balancing import BalancedBackward, Evidence
from polytask.balancing.methods import UPGrad
from polytask.core import jacobian, shared_parameters


def test_it_is_the_aggregator_of_torchjd_times_the_number_of_objectives():
    rows = rows_of()
    theirs = reference.UPGrad(projector=QuadprogProjector(reg_eps=1e-10))(rows)
    torch.testing.assert_close(weights(UPGrad(), rows) @ rows, 3 * theirs, rtol=1e-6, atol=1e-9)


def test_upgrad_is_torchjds_upgrad_times_the_number_of_tasks():
    model = learner()
    rows = jacobian(model.objectives(episodes()).values, shared_parameters(model))
    expected = TorchJDUPGrad(projector=EXACT)(rows) * 3
    BalancedBackward(model, UPGrad())(model.objectives(episodes()))
    got = torch.cat([p.grad.reshape(-1) for p in shared_parameters(model)])
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-8)


def test_without_conflict_upgrad_is_the_plain_sum():
    rows = torch.eye(3, 7, dtype=torch.float64) * torch.tensor([[1.0], [2.0], [3.0]])
    weights = UPGrad()(Evidence(("a", "b", "c"), torch.ones(3), lambda: rows)).values
    torch.testing.assert_close(weights, torch.ones(3, dtype=torch.float64))
