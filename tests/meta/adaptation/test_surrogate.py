"""A value with a gradient that was found some other way."""

import torch

from polytask.meta.adaptation.surrogate import with_gradient


def test_the_value_stays_and_its_own_gradient_gives_way_to_the_one_given():
    theta = torch.tensor([1.0, 2.0], requires_grad=True)
    given = torch.tensor([3.0, -4.0], requires_grad=True)
    found = with_gradient(theta.square().sum(), {"theta": theta}, {"theta": 2 * given})
    assert found.item() == 5.0
    gradients = torch.autograd.grad(found, [theta, given], allow_unused=True)
    assert gradients[0].tolist() == [6.0, -8.0] and gradients[1] is None
