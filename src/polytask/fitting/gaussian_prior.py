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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

__all__ = [
    "LEAST_NOISE",
    "GaussianPrior",
    "TaskSums",
    "climbed_together",
    "distances",
    "likelihood",
    "start_prior",
]

LEAST_NOISE = 1e-6
"""A variance, of that of the residuals: less is no noise, but rounding."""

_AT_ONCE = 2**23  # numbers of a batch
_START = 0.1  # variance of each direction at first, of that of the residuals
_LEAST = 1e-8  # variance of a direction, of that of the residuals; 0 would never move again
_PENALTY = 1.0  # of the mean: standardized features, residuals in units of the target


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


def climbed_together(
    priors: Sequence[GaussianPrior],
    sums: Sequence[TaskSums],
    *,
    n_steps: int,
    diagonal: bool,
    moving: bool,
) -> list[GaussianPrior]:
    """Take steps of expectation-maximization for several sets of tasks at once, such as those of folds.

    A step of few tasks costs as many calls as one of many: sets side by side share them.

    Args:
        priors: Where each starts, of one number of features.
        sums: Of the tasks of each.
        n_steps: How many steps.
        diagonal: Whether the covariances are diagonal.
        moving: Whether the means are learned; otherwise they stay.
    """
    sets, now = _Sets.of(sums), _Priors.of(priors)
    likelihoods = []
    for _ in range(n_steps):
        expected = _expected(now, sets)
        likelihoods.append(expected.likelihood)
        covariance = now.factor @ expected.second @ now.factor.mT
        now = _Priors(
            mean=now.mean,
            factor=_root(_shrunk(covariance, sets.n_tasks, diagonal=diagonal), _LEAST * sets.spread),
            variance=torch.maximum(expected.variance, LEAST_NOISE * sets.spread),
        )
        if moving:
            now = replace(now, mean=_mean(now, sets))
    seen = torch.stack(likelihoods, 1) if likelihoods else torch.zeros(len(priors), 0)
    return [
        GaussianPrior(
            mean=now.mean[index],
            factor=now.factor[index],
            variance=float(now.variance[index]),
            likelihoods=(*prior.likelihoods, *seen[index].tolist()),
        )
        for index, prior in enumerate(priors)
    ]


def likelihood(prior: GaussianPrior, sums: TaskSums) -> float:
    """Return the marginal log-likelihood of the tasks, less the penalty of the mean."""
    return float(_expected(_Priors.of([prior]), _Sets.of([sums])).likelihood)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sets:
    """Sums of several sets of tasks; where a set has fewer, sums of 0 stand in for the missing ones.

    Args:
        gram: ``[set, task, feature, feature]``.
        cross: ``[set, task, feature]``.
        square: ``[set, task]``.
        rows: ``[set, task]``.
        log_weights: ``[set, task]``.
        present: 1 for a task, 0 for one that stands in ``[set, task]``.
        n_tasks: ``[set]``.
        spread: The mean squared residual ``[set]``.
    """

    gram: Tensor
    cross: Tensor
    square: Tensor
    rows: Tensor
    log_weights: Tensor
    present: Tensor
    n_tasks: Tensor
    spread: Tensor

    @classmethod
    def of(cls, sums: Sequence[TaskSums]) -> Self:
        def padded(values: list[Tensor]) -> Tensor:
            return pad_sequence(values, batch_first=True)

        gram, square = padded([one.gram for one in sums]), padded([one.square for one in sums])
        present = padded([torch.ones_like(one.rows) for one in sums])
        return cls(
            gram=gram,
            cross=padded([one.cross for one in sums]),
            square=square,
            rows=padded([one.rows for one in sums]),
            log_weights=padded([one.log_weights for one in sums]),
            present=present,
            n_tasks=present.sum(1),
            spread=square.sum(1) / gram[..., 0, 0].sum(1),  # the first feature is 1
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Priors:
    """Priors of several sets of tasks.

    Args:
        mean: ``[set, feature]``.
        factor: ``[set, feature, feature]``.
        variance: ``[set]``.
    """

    mean: Tensor
    factor: Tensor
    variance: Tensor

    @classmethod
    def of(cls, priors: Sequence[GaussianPrior]) -> Self:
        return cls(
            mean=torch.stack([one.mean for one in priors]),
            factor=torch.stack([one.factor for one in priors]),
            variance=torch.tensor([one.variance for one in priors], dtype=torch.float64),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Expected:
    """What a step needs: the mean second moment ``[set, feature, feature]`` of the whitened corrections."""

    second: Tensor
    variance: Tensor
    likelihood: Tensor


def _expected(priors: _Priors, sets: _Sets) -> _Expected:
    mean, variance = priors.mean[:, None], priors.variance[:, None]  # beside tasks
    passed = _times(sets.gram, mean)
    cross = sets.cross - passed  # what is left after the mean
    square = sets.square - ((2 * sets.cross - passed) * mean).sum(-1)
    inner, root, inverse = _whitened(priors, sets.gram)
    pulled = cross @ priors.factor / variance[..., None]  # [set, task, feature]
    means = _times(inverse, pulled)
    explained = (pulled * means).sum(-1)
    log_likelihood = -0.5 * (
        sets.rows * (2 * math.pi * variance).log()
        - sets.log_weights
        + 2 * root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        + square / variance
        - explained
    )
    second = inverse + means[..., :, None] * means[..., None, :]
    left = square - variance * (2 * explained - (inner * second).sum((-2, -1)))
    return _Expected(
        second=torch.einsum("st,stfg->sfg", sets.present / sets.n_tasks[:, None], second),
        variance=left.sum(1) / sets.rows.sum(1),
        likelihood=log_likelihood.sum(1) - _PENALTY / 2 * priors.mean.square().sum(1),
    )


def _times(matrices: Tensor, vectors: Tensor) -> Tensor:
    """Multiply ``[..., row, column]`` by ``[..., column]``."""
    return (matrices @ vectors[..., None]).squeeze(-1)


def _whitened(priors: _Priors, gram: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the information of each task's rows, the root of its posterior precision, and the inverse."""
    factor = priors.factor[:, None]
    inner = factor.mT @ gram @ factor / priors.variance[:, None, None, None]
    root = torch.linalg.cholesky(inner + torch.eye(inner.shape[-1], dtype=torch.float64))
    return inner, root, torch.cholesky_inverse(root)


def _mean(priors: _Priors, sets: _Sets) -> Tensor:
    """Return the means of generalized least squares, with a weak penalty."""
    _, _, inverse = _whitened(priors, sets.gram)
    variance = priors.variance[:, None, None]
    passed = sets.gram @ (priors.factor / variance)[:, None]  # [set, task, feature, feature]
    pulled = sets.cross @ (priors.factor / variance)
    precision = sets.gram.sum(1) / variance - (passed @ inverse @ passed.mT).sum(1)
    right = sets.cross.sum(1) / variance[..., 0] - _times(passed, _times(inverse, pulled)).sum(1)
    penalty = _PENALTY * torch.eye(right.shape[-1], dtype=torch.float64)
    return torch.linalg.solve(precision + penalty, right)


def _shrunk(covariance: Tensor, n_tasks: Tensor, *, diagonal: bool) -> Tensor:
    """Draw covariances to their diagonal: wholly, or as strongly as one further task would.

    Every step draws again, and where tasks have few rows little pulls back: more would part what hangs
    together, which costs most where one row alone is known of a task.
    """
    own = torch.diag_embed(covariance.diagonal(dim1=-2, dim2=-1))
    return own if diagonal else torch.lerp(covariance, own, (1 / (n_tasks + 1))[:, None, None])


def _root(covariance: Tensor, least: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * torch.maximum(values, least[:, None]).sqrt()[:, None]


def distances(
    prior: GaussianPrior, features: Tensor, residuals: Tensor, weights: Tensor, task: Tensor
) -> Tensor:
    """Return the expected squared distance of each row from its task's line, float64 ``[row]``.

    Args:
        prior: With these weights.
        features: float64 ``[row, feature]``.
        residuals: float64 ``[row]``.
        weights: float64 ``[row]``.
        task: Long ``[row]``.
    """
    sums = TaskSums.of(features, residuals, weights, task, int(task.max()) + 1)
    _, _, (inverse,) = _whitened(_Priors.of([prior]), sums.gram[None])
    pulled = (sums.cross - sums.gram @ prior.mean) @ prior.factor / prior.variance
    means = _times(inverse, pulled)  # [task, feature]
    directions = features @ prior.factor
    away = residuals - features @ prior.mean - (directions * means[task]).sum(1)
    left = away.square()
    for part in torch.arange(len(task)).split(max(1, _AT_ONCE // features.shape[1] ** 2)):
        known = torch.einsum("nr,nrs,ns->n", directions[part], inverse[task[part]], directions[part])
        left[part] += known
    return left
