r"""What a task's own rows say of it: a Gaussian posterior; for classes by Laplace's method.

With prior precision :math:`P_0` and mean :math:`m_0`, directions :math:`\psi_i` and offsets :math:`o_i` of
the rows, numbers give

.. math:: P = P_0 + \sum_i w_i \psi_i \psi_i^\top, \qquad P m = P_0 m_0 + \sum_i w_i \psi_i (y_i - o_i),

with :math:`w_i` one over the variance. Classes give the mode and the curvature there, by Newton's method. A
posterior is the prior of further rows; for numbers that is exact. All tasks are computed together, in batches
of tasks of like size.

References:
    Christopher Bishop, "Pattern Recognition and Machine Learning", 2006, sections 3.3 and 4.4.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from polytask.core.task import TaskKind

__all__ = ["TaskRows", "prior_state", "root", "spread", "updated"]

_AT_ONCE = 2**22  # numbers of a batch
_STEPS, _HALVINGS = 30, 12
_SMALL = 1e-9  # of a step, below which Newton's method has arrived


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskRows:
    """Labelled rows of some tasks.

    Args:
        directions: float64 ``[row, output, rank]``.
        offset: What is predicted for a task of which nothing is known, float64 ``[row, output]``.
        labels: Numbers or class indices, float64 or long ``[row]``.
        weights: One over the variance, float64 ``[row]``; 1 for classes.
        task: The task of each row, long ``[row]``.
    """

    directions: Tensor
    offset: Tensor
    labels: Tensor
    weights: Tensor
    task: Tensor


def prior_state(n_tasks: int, size: int) -> tuple[Tensor, Tensor]:
    """Return mean ``[task, size]`` and precision ``[task, size, size]`` of tasks without rows."""
    precision = torch.eye(size, dtype=torch.float64).expand(n_tasks, -1, -1)
    return torch.zeros(n_tasks, size, dtype=torch.float64), precision.clone()


def updated(kind: TaskKind, rows: TaskRows, mean: Tensor, precision: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and precision of all tasks after their rows; those without rows keep theirs bit for bit.

    Args:
        kind: Of the target.
        rows: The rows.
        mean: Before, float64 ``[task, size]``.
        precision: Before, float64 ``[task, size, size]``.
    """
    mean, precision = mean.clone(), precision.clone()
    width = rows.directions.shape[1] * max(1, mean.shape[1])
    for tasks, places, there in _batches(rows.task, len(mean), width):
        batch = _Batch(
            kind=kind,
            directions=rows.directions[places],
            offset=rows.offset[places],
            labels=rows.labels[places],
            weights=rows.weights[places] * there,
            mean=mean[tasks],
            precision=precision[tasks],
        )
        mean[tasks], precision[tasks] = _gaussian(batch) if kind == "regression" else _laplace(batch)
    return mean, precision


def spread(directions: Tensor, task: Tensor, precision: Tensor) -> Tensor:
    """Return the posterior variance of the correction of one output, float64 ``[row]``.

    Args:
        directions: float64 ``[row, rank]``.
        task: Long ``[row]``; -1 for a task without rows.
        precision: float64 ``[task, rank, rank]``.
    """
    variance = directions.square().sum(1)
    rows = (task >= 0).nonzero().squeeze(1)
    step = max(1, _AT_ONCE // max(1, directions.shape[1] ** 2))
    for part in rows.split(step):
        tasks, index = task[part].unique(return_inverse=True)
        factor = root(precision[tasks])[index]  # [row, rank, rank]
        solved = torch.linalg.solve_triangular(factor, directions[part, :, None], upper=False)
        variance[part] = solved.square().sum((1, 2))
    return variance


def root(precision: Tensor) -> Tensor:
    """Return the lower triangular roots of precisions ``[task, size, size]``, however badly scaled."""
    found, failed = torch.linalg.cholesky_ex(precision)
    if bool(failed.any()):
        largest = precision.diagonal(dim1=-2, dim2=-1).amax(-1)[:, None, None]
        found = torch.linalg.cholesky(precision + 1e-10 * largest * torch.eye(precision.shape[-1]))
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Batch:
    """Tasks of like size, padded: ``[task, row, ...]``; a row that is not there has weight 0."""

    kind: TaskKind
    directions: Tensor
    offset: Tensor
    labels: Tensor
    weights: Tensor
    mean: Tensor
    precision: Tensor


def _batches(task: Tensor, n_tasks: int, width: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield tasks ``[task]``, their rows ``[task, row]``, and which of these are there."""
    order = task.argsort(stable=True)
    counts = torch.bincount(task, minlength=n_tasks)
    starts = counts.cumsum(0) - counts
    by_size = counts.argsort(stable=True)
    by_size = by_size[counts[by_size] > 0]
    sizes = counts[by_size].tolist()
    start = 0
    while start < len(sizes):
        stop = start + 1
        while stop < len(sizes) and (stop + 1 - start) * sizes[stop] * width <= _AT_ONCE:
            stop += 1
        tasks = by_size[start:stop]
        step = torch.arange(sizes[stop - 1])
        there = step < counts[tasks, None]
        places = order[(starts[tasks, None] + step).clamp(max=max(len(order) - 1, 0))]
        yield tasks, places, there
        start = stop


def _gaussian(batch: _Batch) -> tuple[Tensor, Tensor]:
    directions = batch.directions[:, :, 0]  # [task, row, rank]
    weighted = directions * batch.weights[..., None]
    precision = batch.precision + weighted.mT @ directions
    right = batch.precision @ batch.mean[..., None]
    right = right + weighted.mT @ (batch.labels.double() - batch.offset[..., 0])[..., None]
    mean = torch.cholesky_solve(right, root(precision)).squeeze(-1)
    return mean, precision


def _laplace(batch: _Batch) -> tuple[Tensor, Tensor]:
    """Climb to the mode by Newton's method; each task halves its step until it helps."""
    place, value = batch.mean, _objective(batch, batch.mean)
    precision = batch.precision
    for _ in range(_STEPS):
        gradient, precision = _derivatives(batch, place)
        step = torch.cholesky_solve(gradient[..., None], root(precision)).squeeze(-1)
        if float(step.abs().max()) < _SMALL:
            break
        length = torch.ones(len(place), 1, dtype=place.dtype)
        for _ in range(_HALVINGS):
            trial = _objective(batch, place + length * step)
            worse = trial > value + 1e-12 * value.abs()
            if not bool(worse.any()):
                break
            length = torch.where(worse[:, None], length / 2, length)
        place = place + length * step
        value = _objective(batch, place)
    return place, _derivatives(batch, place)[1]


def _outputs(batch: _Batch, place: Tensor) -> Tensor:
    by_output = place.view(len(place), batch.directions.shape[2], -1)  # [task, output, rank]
    return batch.offset + torch.einsum("tmcr,tcr->tmc", batch.directions, by_output)


def _objective(batch: _Batch, place: Tensor) -> Tensor:
    """Return what is least at the mode, ``[task]``."""
    outputs = _outputs(batch, place)
    if batch.kind == "binary":
        losses = functional.softplus(outputs[..., 0]) - batch.labels * outputs[..., 0]
    else:
        chosen = outputs.log_softmax(-1).gather(-1, batch.labels.long()[..., None])
        losses = -chosen[..., 0]
    away = place - batch.mean
    pull = torch.einsum("tr,trs,ts->t", away, batch.precision, away)
    return (losses * batch.weights).sum(1) + pull / 2


def _derivatives(batch: _Batch, place: Tensor) -> tuple[Tensor, Tensor]:
    """Return the direction uphill ``[task, size]`` and the curvature ``[task, size, size]``."""
    outputs = _outputs(batch, place)
    if batch.kind == "binary":
        shares = outputs.sigmoid()
        truth = batch.labels[..., None].double()
        bent = (shares * (1 - shares))[..., None]  # [task, row, 1, 1]
    else:
        shares = outputs.softmax(-1)
        truth = functional.one_hot(batch.labels.long(), outputs.shape[-1]).double()
        bent = torch.diag_embed(shares) - shares[..., :, None] * shares[..., None, :]
    left = (truth - shares) * batch.weights[..., None]
    uphill = torch.einsum("tmc,tmcr->tcr", left, batch.directions).flatten(1)
    uphill = uphill - torch.einsum("trs,ts->tr", batch.precision, place - batch.mean)
    halves = torch.einsum("tmck,tmks->tmcks", bent * batch.weights[..., None, None], batch.directions)
    curved = torch.einsum("tmcr,tmcks->tcrks", batch.directions, halves)
    return uphill, batch.precision + curved.reshape(batch.precision.shape)
