r"""Learn how tasks differ in classes: the prior of the corrections of their logits, by Laplace's method.

Expectation-maximization in which the posterior of a task is Gaussian, with the mode and the curvature there.
All outputs have one covariance; each has a mean of its own.

References:
    Norman Breslow, David Clayton, "Approximate Inference in Generalized Linear Mixed Models", Journal of the
    American Statistical Association 88, 1993.
"""

import math

import torch
from torch import Tensor

from polytask.core.task import TaskKind
from polytask.models.task_posterior import TaskRows, prior_state, updated

__all__ = ["class_prior"]

_START = 0.3  # variance of each direction at first
_LEAST = 1e-8


def class_prior(
    kind: TaskKind,
    features: Tensor,
    outputs: Tensor,
    labels: Tensor,
    task: Tensor,
    *,
    n_steps: int,
    moving: bool,
) -> tuple[Tensor, Tensor]:
    """Learn the prior of tasks of classes; the covariance is diagonal.

    Args:
        kind: ``"binary"`` or ``"multiclass"``.
        features: float64 ``[row, output, feature]``.
        outputs: Pooled logits, float64 ``[row, output]``.
        labels: Class indices ``[row]``.
        task: Long ``[row]``, from 0 on.
        n_steps: Of expectation-maximization.
        moving: Whether the mean is learned; otherwise it is 0.

    Returns:
        Mean ``[output, feature]`` and the root of the covariance ``[feature, feature]``.
    """
    _, n_outputs, n_features = features.shape
    n_tasks = int(task.max()) + 1
    mean = torch.zeros(n_outputs, n_features, dtype=torch.float64)
    deviations = torch.full((n_features,), math.sqrt(_START), dtype=torch.float64)
    weights = torch.ones(len(task), dtype=torch.float64)
    for _ in range(n_steps):
        rows = TaskRows(
            directions=features * deviations,
            offset=outputs + torch.einsum("ncq,cq->nc", features, mean),
            labels=labels,
            weights=weights,
            task=task,
        )
        places, precision = updated(kind, rows, *prior_state(n_tasks, n_outputs * n_features))
        known = torch.cholesky_inverse(torch.linalg.cholesky(precision))  # [task, size, size]
        places = places.view(n_tasks, n_outputs, n_features)
        doubts = known.diagonal(dim1=-2, dim2=-1).view_as(places)
        moved = places.mean(0) if moving else torch.zeros_like(mean)
        second = (doubts + (places - moved).square()).mean((0, 1))  # [feature]
        mean = mean + deviations * moved
        deviations = (deviations.square() * second).clamp(min=_LEAST).sqrt()
    return mean, torch.diag(deviations)
