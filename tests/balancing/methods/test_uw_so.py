"""Soft uncertainty weighting against its closed form."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.uw_so import SoftUncertaintyWeighting

NAMES = ("a", "b", "c")


LOSSES = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)


def evidence(losses=LOSSES, names=NAMES):
    return Evidence(tuple(names), losses, torch.Tensor)


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
