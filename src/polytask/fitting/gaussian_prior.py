r"""Learn how tasks differ in numbers: the prior of their corrections, by maximum marginal likelihood.

For the rows of task :math:`t` with features :math:`\Phi_t`, residuals :math:`r_t` of the pooled model and
variances :math:`\sigma^2 / w_i`,

.. math:: r_t \sim N(\Phi_t \mu, \; \Phi_t S \Phi_t^\top + \sigma^2 W_t^{-1}), \qquad S = L L^\top.

Expectation-maximization with sums over each task's rows alone: a step costs the same however many rows
there are. The mean is that of generalized least squares, given the rest. With a diagonal :math:`S` every step
raises the likelihood, less a weak penalty of the mean.

References:
    Nan Laird, James Ware, "Random-Effects Models for Longitudinal Data", Biometrics 38, 1982.

    Chuanhai Liu, Donald Rubin, "The ECME algorithm", Biometrika 81, 1994: the step of the mean. Here a full
    :math:`S` is drawn to its own diagonal in every step, as strongly as one further task would.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from polytask.models.task_effects import NoiseModel

__all__ = ["GaussianPrior", "TaskSums", "climbed", "fit_noise", "likelihood", "start_prior"]

_AT_ONCE = 2**23  # numbers of a batch
_START = 0.1  # variance of each direction at first, of that of the residuals
_LEAST = 1e-8  # variance of a direction, of that of the residuals; 0 would never move again
_LEAST_NOISE = 1e-6  # variance, of that of the residuals: less is no noise, but rounding
_PENALTY = 1.0  # of the mean: standardized features, residuals in units of the target
_SCORING_STEPS, _RIDGE, _MOST_SURPRISE = 12, 1.0, 30.0
_RANGE = (0.01, 0.99)  # of the exponents seen, beyond which none is believed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskSums:
    """Sums over the rows of each task, weighted.

    Args:
        gram: Of products of features, of which the first is 1, float64 ``[task, feature, feature]``.
        cross: Of features times residuals ``[task, feature]``.
        square: Of squared residuals ``[task]``.
        rows: How many rows there are ``[task]``.
        log_weights: Of logarithms of the weights ``[task]``.
    """

    gram: Tensor
    cross: Tensor
    square: Tensor
    rows: Tensor
    log_weights: Tensor

    @classmethod
    def of(cls, features: Tensor, residuals: Tensor, weights: Tensor, task: Tensor, n_tasks: int) -> Self:
        """Add up rows: features ``[row, feature]``, the rest ``[row]``."""
        n_features = features.shape[1]
        gram = features.new_zeros(n_tasks, n_features, n_features)
        for part in torch.arange(len(task)).split(max(1, _AT_ONCE // n_features**2)):
            weighted = features[part] * weights[part, None]
            gram.index_add_(0, task[part], weighted[:, :, None] * features[part, None, :])

        def added(values: Tensor) -> Tensor:
            return values.new_zeros(n_tasks, *values.shape[1:]).index_add_(0, task, values)

        return cls(
            gram=gram,
            cross=added(features * (weights * residuals)[:, None]),
            square=added(weights * residuals.square()),
            rows=added(torch.ones_like(residuals)),
            log_weights=added(weights.log()),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GaussianPrior:
    """A prior on the way.

    Args:
        mean: float64 ``[feature]``.
        factor: A root of the covariance, float64 ``[feature, feature]``.
        variance: Of the noise of a row of weight 1.
        likelihoods: The penalized marginal log-likelihood before each step.
    """

    mean: Tensor
    factor: Tensor
    variance: float
    likelihoods: tuple[float, ...] = ()


def start_prior(n_features: int, residuals: Tensor) -> GaussianPrior:
    """Start with small differences between tasks."""
    total = max(float(residuals.square().mean()), 1e-12)
    factor = torch.eye(n_features, dtype=torch.float64) * math.sqrt(_START * total)
    return GaussianPrior(
        mean=torch.zeros(n_features, dtype=torch.float64), factor=factor, variance=total * 0.8
    )


def climbed(
    prior: GaussianPrior, sums: TaskSums, *, n_steps: int, diagonal: bool, moving: bool
) -> GaussianPrior:
    """Take steps of expectation-maximization.

    Args:
        prior: Where to start.
        sums: Of the training tasks.
        n_steps: How many steps.
        diagonal: Whether the covariance is diagonal.
        moving: Whether the mean is learned; otherwise it stays.
    """
    likelihoods = list(prior.likelihoods)
    for _ in range(n_steps):
        expected = _expected(prior, sums)
        likelihoods.append(expected.likelihood)
        covariance = prior.factor @ expected.second @ prior.factor.T
        total = float(sums.square.sum() / sums.gram[:, 0, 0].sum())  # the first feature is 1
        prior = GaussianPrior(
            mean=prior.mean,
            factor=_root(_shrunk(covariance, len(sums.rows), diagonal=diagonal), _LEAST * total),
            variance=max(expected.variance, _LEAST_NOISE * total),
            likelihoods=tuple(likelihoods),
        )
        if moving:
            prior = replace(prior, mean=_mean(prior, sums))
    return prior


def likelihood(prior: GaussianPrior, sums: TaskSums) -> float:
    """Return the marginal log-likelihood of the tasks, less the penalty of the mean."""
    return _expected(prior, sums).likelihood


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Expected:
    """What a step needs: the mean second moment ``[feature, feature]`` of the whitened corrections."""

    second: Tensor
    variance: float
    likelihood: float


def _expected(prior: GaussianPrior, sums: TaskSums) -> _Expected:
    factor, variance = prior.factor, prior.variance
    cross = sums.cross - sums.gram @ prior.mean  # what is left after the mean
    square = sums.square - 2 * sums.cross @ prior.mean + (sums.gram @ prior.mean) @ prior.mean
    inner, root, inverse = _whitened(prior, sums)
    pulled = cross @ factor / variance  # [task, feature]
    means = (inverse @ pulled[..., None]).squeeze(-1)
    log_likelihood = -0.5 * (
        sums.rows * math.log(2 * math.pi * variance)
        - sums.log_weights
        + 2 * root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        + square / variance
        - (pulled * means).sum(-1)
    )
    second = inverse + means[:, :, None] * means[:, None, :]
    explained = variance * (2 * (pulled * means).sum(-1) - (inner * second).sum((1, 2)))
    return _Expected(
        second=second.mean(0),
        variance=float((square - explained).sum() / sums.rows.sum()),
        likelihood=float(log_likelihood.sum()) - _PENALTY / 2 * float(prior.mean.square().sum()),
    )


def _whitened(prior: GaussianPrior, sums: TaskSums) -> tuple[Tensor, Tensor, Tensor]:
    """Return the information of each task's rows, the root of its posterior precision, and the inverse."""
    inner = prior.factor.T @ sums.gram @ prior.factor / prior.variance
    root = torch.linalg.cholesky(inner + torch.eye(len(prior.mean), dtype=torch.float64))
    return inner, root, torch.cholesky_inverse(root)


def _mean(prior: GaussianPrior, sums: TaskSums) -> Tensor:
    """Return the mean of generalized least squares, with a weak penalty."""
    _, _, inverse = _whitened(prior, sums)
    passed = sums.gram @ prior.factor / prior.variance  # [task, feature, feature]
    pulled = sums.cross @ prior.factor / prior.variance
    precision = sums.gram.sum(0) / prior.variance - (passed @ inverse @ passed.mT).sum(0)
    right = sums.cross.sum(0) / prior.variance
    right = right - (passed @ (inverse @ pulled[..., None])).sum((0, 2))
    penalty = _PENALTY * torch.eye(len(right), dtype=torch.float64)
    return torch.linalg.solve(precision + penalty, right)


def _shrunk(covariance: Tensor, n_tasks: int, *, diagonal: bool) -> Tensor:
    """Draw a covariance to its diagonal: wholly, or as strongly as one further task would.

    Every step draws again, and where tasks have few rows little pulls back: more would part what hangs
    together, which costs most where one row alone is known of a task.
    """
    own = torch.diag(covariance.diagonal())
    if diagonal:
        return own
    share = 1 / (n_tasks + 1)
    return (1 - share) * covariance + share * own


def _root(covariance: Tensor, least: float) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=least).sqrt()


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
    least = _LEAST_NOISE * max(float(residuals.square().mean()), 1e-12)
    left = _left(prior, features, residuals, weights, task).clamp(min=least)
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


def _left(prior: GaussianPrior, features: Tensor, residuals: Tensor, weights: Tensor, task: Tensor) -> Tensor:
    """Return the expected squared distance of each row from its task's line."""
    sums = TaskSums.of(features, residuals, weights, task, int(task.max()) + 1)
    _, _, inverse = _whitened(prior, sums)
    pulled = (sums.cross - sums.gram @ prior.mean) @ prior.factor / prior.variance
    means = (inverse @ pulled[..., None]).squeeze(-1)  # [task, feature]
    directions = features @ prior.factor
    away = residuals - features @ prior.mean - (directions * means[task]).sum(1)
    left = away.square()
    for part in torch.arange(len(task)).split(max(1, _AT_ONCE // features.shape[1] ** 2)):
        known = torch.einsum("nr,nrs,ns->n", directions[part], inverse[task[part]], directions[part])
        left[part] += known
    return left
