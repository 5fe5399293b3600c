"""The geometric mean of the losses."""

import torch

from polytask.balancing import Evidence
from polytask.balancing.methods import GeometricMean


def test_the_weights_are_the_slopes_of_the_geometric_mean():
    losses = torch.tensor([0.5, 2.0, 3.0]).double().requires_grad_()
    (slopes,) = torch.autograd.grad(losses.log().mean().exp(), losses)
    weights = GeometricMean()(Evidence(("a", "b", "c"), losses.detach(), torch.Tensor)).values
    torch.testing.assert_close(weights, slopes)
