"""PBI against few lines of numpy, and where it leads."""

import numpy as np
import pytest
import torch

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods import PBI

PREFERENCE = {"a": 1.0, "b": 3.0, "c": 0.5}


LOSSES = np.array([1.5, 0.7, 2.0])


def ask(balancer, losses=LOSSES, names=("a", "b", "c")):
    values = torch.as_tensor(np.asarray(losses), dtype=torch.float64)
    return balancer.double()(Evidence(tuple(names), values, torch.Tensor)).values


def slopes(function, at):
    """Central differences."""
    steps = np.eye(len(at)) * 1e-6
    return np.array([(function(at + step) - function(at - step)) / 2e-6 for step in steps])


def test_pbi_weights_are_the_slopes_of_its_sum():
    p = np.array(list(PREFERENCE.values()))
    unit, scale = p / np.linalg.norm(p), 3 * np.linalg.norm(p) / p.sum()

    def total(losses):
        shifted = losses - [0.0, 0.5, 0.0]
        along = shifted @ unit
        return scale * (along + 2.0 * np.linalg.norm(shifted - along * unit))

    got = ask(PBI(PREFERENCE, penalty=2.0, ideal={"b": 0.5}))
    np.testing.assert_allclose(got.numpy(), slopes(total, LOSSES), rtol=1e-6)


@pytest.mark.parametrize("preference", [{"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 3.0}])
def test_pbi_leads_to_the_preferred_ratio_of_losses(preference):
    # Two targets, (0, 0) and (1, 0), and squared distances as losses.
    balancer = PBI(preference)
    point = torch.tensor([0.1, 0.4], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([point], lr=0.05)
    for step in range(800):
        optimizer.param_groups[0]["lr"] = 0.02 / (1 + step / 20)
        losses = torch.stack([point.square().sum(), (point - torch.tensor([1.0, 0.0])).square().sum()])
        optimizer.zero_grad()
        (ask(balancer, losses.detach().numpy(), ("a", "b")) * losses).sum().backward()
        optimizer.step()
    ratio = (losses[1] / losses[0]).item()
    np.testing.assert_allclose(ratio, preference["b"], rtol=0.05)
