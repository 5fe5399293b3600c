"""COSMOS against few lines of numpy."""

import numpy as np
import torch

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods import COSMOS

PREFERENCE = {"a": 1.0, "b": 3.0, "c": 0.5}


LOSSES = np.array([1.5, 0.7, 2.0])


def ask(balancer, losses=LOSSES, names=("a", "b", "c")):
    values = torch.as_tensor(np.asarray(losses), dtype=torch.float64)
    return balancer.double()(Evidence(tuple(names), values, torch.Tensor)).values


def slopes(function, at):
    """Central differences."""
    steps = np.eye(len(at)) * 1e-6
    return np.array([(function(at + step) - function(at - step)) / 2e-6 for step in steps])


def test_cosmos_weights_are_the_slopes_of_its_sum():
    p = np.array(list(PREFERENCE.values())) / sum(PREFERENCE.values())

    def total(losses):
        return 3 * (p @ losses - 0.8 * p @ losses / np.linalg.norm(p) / np.linalg.norm(losses))

    np.testing.assert_allclose(ask(COSMOS(PREFERENCE, penalty=0.8)).numpy(), slopes(total, LOSSES), rtol=1e-6)
