"""The residual encoder of small images."""

import torch

from polytask.meta.layers.residual import residual_encoder


def test_features_keep_the_places_and_have_both_signs():
    encoder = residual_encoder(3, width=4)
    features = encoder(torch.rand(6, 3, 32, 32))
    assert features.shape == (6, 64 * 4 * 4)
    assert (features < 0).any() and (features > 0).any()


def test_what_is_moved_moves_in_the_features():
    encoder = residual_encoder(width=4).eval()
    images = torch.zeros(2, 1, 48, 48)
    images[0, 0, 10:14, 10:14], images[1, 0, 10:14, 26:30] = 1, 1  # two places of the grid apart
    first, second = (encoder(images)[index].view(64, 6, 6) for index in range(2))
    assert torch.allclose(first[:, 1:4, 1:3], second[:, 1:4, 3:5], atol=1e-4)


def test_every_parameter_gets_a_gradient():
    encoder = residual_encoder(width=4)
    encoder(torch.rand(4, 1, 28, 28)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
