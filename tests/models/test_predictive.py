"""Distributions of numbers: against scipy, and against each other."""

import numpy as np
import torch
from scipy.stats import norm

from polytask.meta.model import BarDistribution, Gaussian
from polytask.models.predictive import BarPredictive, GaussianPredictive

MEAN, STD = torch.tensor([[0.5], [-1.0]]), torch.tensor([[2.0], [0.1]])
LABELS = torch.tensor([1.5, -1.2])


def test_a_normal_distribution_is_that_of_scipy() -> None:
    found = GaussianPredictive(Gaussian(mean=MEAN, std=STD))
    exact = norm(MEAN[:, 0].double(), STD[:, 0].double())
    np.testing.assert_allclose(found.mean(), exact.mean())
    np.testing.assert_allclose(found.deviation(), exact.std())
    np.testing.assert_allclose(found.log_density(LABELS), exact.logpdf(LABELS), rtol=1e-9)
    np.testing.assert_allclose(found.below(LABELS), exact.cdf(LABELS), rtol=1e-9)
    np.testing.assert_allclose(found.quantile(torch.tensor([0.9, 0.9])), exact.ppf(0.9), rtol=1e-6)


def test_fine_bars_of_a_normal_distribution_answer_as_it_does() -> None:
    borders = torch.linspace(-6, 6, 601, dtype=torch.float64)
    mass = torch.tensor(np.diff(norm.cdf(borders.numpy())))
    found = BarPredictive(BarDistribution(borders=borders, logits=mass.clamp(min=1e-30).log().repeat(2, 1)))
    np.testing.assert_allclose(found.mean(), [0, 0], atol=1e-6)
    np.testing.assert_allclose(found.deviation(), [1, 1], atol=1e-3)
    np.testing.assert_allclose(found.log_density(LABELS), norm.logpdf(LABELS), atol=0.02)
    np.testing.assert_allclose(found.below(LABELS), norm.cdf(LABELS), atol=1e-3)
    shares = torch.tensor([0.05, 0.8], dtype=torch.float64)
    np.testing.assert_allclose(found.quantile(shares), norm.ppf(shares.numpy()), atol=0.01)
