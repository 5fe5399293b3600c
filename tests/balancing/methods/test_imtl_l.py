"""IMTL-L against TorchJD's."""

import torch
from torchjd.scalarization import IMTLL as TorchJDIMTLL  # noqa: N811 - one acronym, two owners

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods import UncertaintyWeighting
from polytask.balancing.methods.imtl_l import IMTLL

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
