"""How much rows of numbers scatter around the line of their task, by their features."""

import math

import torch
from torch import Tensor

from polytask.fitting.gaussian_prior import LEAST_NOISE, GaussianPrior, distances
from polytask.models.task_effects import NoiseModel

__all__ = ["fit_noise"]

_SCORING_STEPS, _RIDGE, _MOST_SURPRISE = 12, 1.0, 30.0
_RANGE = (0.01, 0.99)  # of the exponents seen, beyond which none is believed


def fit_noise(
    prior: GaussianPrior,
    features: Tensor,
    residuals: Tensor,
    weights: Tensor,
    task: Tensor,
    described: Tensor,
) -> NoiseModel:
    """Fit the variance of rows to what their task's line is expected to leave, by Fisher's scoring.

    Args:
        prior: With the weights of today.
        features: float64 ``[row, feature]``.
        residuals: float64 ``[row]``.
        weights: float64 ``[row]``.
        task: Long ``[row]``.
        described: See `NoiseModel.describe`.
    """
    least = LEAST_NOISE * max(float(residuals.square().mean()), 1e-12)
    left = distances(prior, features, residuals, weights, task).clamp(min=least)
    wanted = torch.zeros(described.shape[1], dtype=torch.float64)
    wanted[0] = left.mean().log()
    ridge = _RIDGE * torch.eye(len(wanted), dtype=torch.float64)
    ridge[0, 0] = 0
    gram = described.T @ described + ridge
    for _ in range(_SCORING_STEPS):
        exponents = (described @ wanted).clamp(-50, 50)
        aim = exponents + (left / exponents.exp()).clamp(max=_MOST_SURPRISE) - 1
        wanted = torch.linalg.solve(gram, described.T @ aim)
    exponents = described @ wanted
    low, high = (
        exponents.quantile(torch.tensor(_RANGE, dtype=torch.float64)).clamp(math.log(least), 50).tolist()
    )
    return NoiseModel(weights=wanted, low=low, high=high)
