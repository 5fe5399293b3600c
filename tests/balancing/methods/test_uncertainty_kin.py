"""Soft and revised uncertainty weighting, and IMTL-L, against closed forms and TorchJD."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchjd.scalarization import IMTLL as TorchJDIMTLL  # noqa: N811 - one acronym, two owners

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods import UncertaintyWeighting
from polytask.balancing.methods.imtl_l import IMTLL
from polytask.balancing.methods.ldc_mtl import LDCMTL
from polytask.balancing.methods.revised_uncertainty import RevisedUncertaintyWeighting
from polytask.balancing.methods.uw_so import SoftUncertaintyWeighting
from polytask.checks import check_balancer
from polytask.core import InputError, TrainingError

NAMES = ("a", "b", "c")
LOSSES = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)


def evidence(losses=LOSSES, names=NAMES):
    return Evidence(tuple(names), losses, torch.Tensor)


def put(balancer, values):
    with torch.no_grad():
        for parameter, value in zip(balancer.parameters(), values, strict=True):
            parameter.copy_(value)


def criterion(update, losses=LOSSES):
    return (update.values * losses).sum() + update.regularizer


def minimized(balancer, losses, n_steps=2000):
    """Train the parameters of a balancer alone, at losses that stay."""
    optimizer = torch.optim.SGD(balancer.parameters(), lr=0.02)
    for _ in range(n_steps):
        optimizer.zero_grad()
        criterion(balancer(evidence(losses, NAMES[: len(losses)])), losses).backward()
        optimizer.step()
    return balancer(evidence(losses, NAMES[: len(losses)])).values.detach()


def test_soft_uncertainty_is_the_softmax_of_inverse_losses():
    raised = np.exp(1 / LOSSES.numpy() / 0.7)
    got = SoftUncertaintyWeighting(temperature=0.7)(evidence()).values
    np.testing.assert_allclose(got.numpy(), 3 * raised / raised.sum())


@settings(deadline=None)
@given(st.lists(st.floats(1e-40, 1e30), min_size=1, max_size=5))
def test_soft_uncertainty_weights_sum_to_their_number_at_any_size_of_losses(losses):
    values = torch.tensor(losses, dtype=torch.float32)
    weights = SoftUncertaintyWeighting()(evidence(values, "abcde"[: len(losses)])).values
    torch.testing.assert_close(weights.sum().item(), float(len(losses)), rtol=1e-5, atol=0)


def test_soft_uncertainty_keeps_the_contract():
    check_balancer(lambda names: SoftUncertaintyWeighting())


def test_soft_uncertainty_names_the_loss_that_is_not_positive():
    with pytest.raises(TrainingError, match=r"SoftUncertaintyWeighting needs a positive loss .* b \(-1\)"):
        SoftUncertaintyWeighting()(evidence(torch.tensor([1.0, -1.0, 1.0])))


def test_soft_uncertainty_refuses_a_temperature_of_zero():
    with pytest.raises(InputError, match="`temperature` of SoftUncertaintyWeighting must be above 0"):
        SoftUncertaintyWeighting(temperature=0.0)


def test_revised_uncertainty_is_twice_the_papers_sum():
    balancer = RevisedUncertaintyWeighting(NAMES).double()
    noise = np.array([0.5, 1.0, 2.0])
    put(balancer, torch.from_numpy(noise))
    paper = (LOSSES.numpy() / (2 * noise**2) + np.log(1 + noise**2)).sum()
    np.testing.assert_allclose(criterion(balancer(evidence())).item(), 2 * paper)


def test_revised_uncertainty_settles_where_the_derivative_vanishes():
    # With v = c^2: -L / v^2 + 2 / (1 + v) = 0, so 2 v^2 - L v - L = 0.
    losses = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)
    variance = (losses + (losses.square() + 8 * losses).sqrt()) / 4
    torch.testing.assert_close(
        minimized(RevisedUncertaintyWeighting(NAMES).double(), losses), 1 / variance, rtol=1e-4, atol=0
    )


def test_imtl_l_is_torchjds():
    ours, theirs = IMTLL(NAMES).double(), TorchJDIMTLL(3).double()
    put(ours, torch.tensor([0.3, -0.2, 0.7]))
    put(theirs, [torch.tensor([0.3, -0.2, 0.7])])
    total = criterion(ours(evidence()))
    torch.testing.assert_close(total, theirs(LOSSES))
    total.backward()
    theirs(LOSSES).backward()
    grad = torch.stack([parameter.grad for parameter in ours.parameters()])
    torch.testing.assert_close(grad, theirs.log_scale.grad)


def test_imtl_l_is_uncertainty_weighting_with_the_sign_turned():
    ours, uncertainty = IMTLL(NAMES).double(), UncertaintyWeighting(NAMES).double()
    put(ours, torch.tensor([0.3, -0.2, 0.7]))
    put(uncertainty, -torch.tensor([0.3, -0.2, 0.7]))
    torch.testing.assert_close(criterion(ours(evidence())), criterion(uncertainty(evidence())))


def test_imtl_l_brings_every_scaled_loss_to_one():
    losses = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(minimized(IMTLL(NAMES).double(), losses), 1 / losses, rtol=1e-4, atol=0)


@pytest.mark.parametrize("method", [RevisedUncertaintyWeighting, IMTLL])
def test_the_learned_ones_keep_the_contract(method):
    check_balancer(method)


@pytest.mark.parametrize("method", [RevisedUncertaintyWeighting, IMTLL])
def test_an_absent_objective_gets_no_gradient(method):
    balancer = method(NAMES).double()
    losses = torch.tensor([1.5, 2.0], dtype=torch.float64)
    criterion(balancer(evidence(losses, ("a", "c"))), losses).backward()
    assert [parameter.grad is not None for parameter in balancer.parameters()] == [True, False, True]


@pytest.mark.parametrize("method", [RevisedUncertaintyWeighting, IMTLL, LDCMTL])
def test_the_momentum_of_adam_does_not_move_an_absent_objective(method):
    balancer = method(NAMES).double()
    optimizer = torch.optim.Adam(balancer.parameters(), lr=0.1)
    found = []
    for names in (NAMES, NAMES, ("a", "c"), ("a", "c")):
        losses = torch.linspace(2.0, 3.0, len(names), dtype=torch.float64) ** (len(found) + 1)
        update = balancer(evidence(losses, names))
        optimizer.zero_grad()
        ((update.values * losses).sum() + (update.regularizer or 0)).backward()
        optimizer.step()
        found.append([parameter.item() for parameter in balancer.parameters()])
    moved = [[now != then for now, then in zip(*pair, strict=True)] for pair in pairwise(found)]
    assert moved == [[True, True, True], [True, False, True], [True, False, True]]


@pytest.mark.parametrize("method", [RevisedUncertaintyWeighting, IMTLL])
def test_an_unknown_objective_is_named(method):
    with pytest.raises(InputError, match=f"{method.__name__} does not know z"):
        method(NAMES)(evidence(torch.ones(1), ("z",)))
