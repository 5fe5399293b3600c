"""Noise that hangs on features is found again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.fitting.test_gaussian_prior import climbed, simulated, sums

from polytask.fitting.gaussian_prior import start_prior
from polytask.fitting.row_noise import fit_noise


def test_noise_that_grows_along_a_feature_is_found():
    x, labels, task = simulated(noise=0.0, n_tasks=200)
    rng = np.random.default_rng(2)
    size = torch.exp(0.5 + x[:, 1])  # its logarithm grows by 1 a unit, that of the variance by 2
    labels = labels + size * torch.from_numpy(rng.normal(size=len(task)))
    weights, how = torch.ones_like(labels), {"n_steps": 10, "diagonal": True, "moving": False}
    prior = climbed(start_prior(3, labels), sums(x, labels, task), **how)
    for _ in range(10):
        noise = fit_noise(prior, x, labels, weights, task, x)
        weights = 1 / noise(x)
        prior = climbed(replace(prior, variance=1.0), sums(x, labels, task, weights), **how)
    assert noise.weights.tolist() == pytest.approx([1.0, 2.0, 0.0], abs=0.3)
    assert (prior.factor @ prior.factor.T).diagonal().sqrt().tolist() == pytest.approx([1, 0.5, 0], abs=0.25)
