"""Similarity of tasks: from their labels alone, and as gains for grouping."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import Batch, InputError, Task

__all__ = ["label_similarity", "similarity_gains"]


def label_similarity(tasks: Sequence[Task], data: Batch, *, min_rows: int = 10) -> Tensor:
    r"""Compare tasks by the correlation of their targets; needs no model.

    .. math:: s_{ab} = \sqrt{\frac{\lVert S_{ab} \rVert_F^2}{\lVert S_{aa} \rVert_F \lVert S_{bb} \rVert_F}}

    where :math:`S` are the covariances of the targets on the rows that are labelled for both tasks, with
    classes as indicators. Between tasks of one output, binary ones among them, this is the absolute
    correlation; in general it is the root of the RV coefficient. It says nothing about what inputs the tasks
    look at: a baseline that a better way of relating tasks should beat.

    Args:
        tasks: The tasks; each needs a target in ``data``.
        data: Examples. Regression targets of several outputs should have one scale.
        min_rows: A pair with fewer rows in common is unknown.

    Returns:
        ``[task, task]`` in double precision, between 0 and 1, and 1 on the diagonal; NaN where a pair is
        unknown, or a target is constant on its common rows. For groups see `similarity_gains`.

    Raises:
        InputError: A task has no target, or ``min_rows`` is below 2.

    Example:
        >>> tasks = [Task(name=name, kind="regression") for name in ("a", "b")]
        >>> data = Batch(inputs=torch.zeros(4, 1), targets={"a": torch.tensor([0.0, 1.0, 2.0, 3.0]),
        ...                                                 "b": torch.tensor([3.0, 2.0, 1.0, 0.0])})
        >>> round(label_similarity(tasks, data, min_rows=4)[0, 1].item(), 6)
        1.0

    References:
        Paul Robert, Yves Escoufier, "A Unifying Tool for Linear Multivariate Statistical Methods: The
        RV-Coefficient", Applied Statistics 25, 1976. Deviation: the root, to agree with a correlation.
    """
    if min_rows < 2:
        raise InputError(f"`min_rows` must be at least 2, got {min_rows}; one row has no correlation.")
    without = [task.name for task in tasks if task.name not in data.targets]
    if without:
        raise InputError(f"`data` has no target of {', '.join(without)}; add it or drop the task.")
    columns = [_columns(task, data) for task in tasks]
    similarity = torch.eye(len(tasks), dtype=torch.float64)  # [task, task]
    for a, (left, has_left) in enumerate(columns):
        for b, (right, has_right) in enumerate(columns[:a]):
            both = has_left & has_right
            known = int(both.sum()) >= min_rows
            value = _correlation(left[both], right[both]) if known else math.nan
            similarity[a, b] = similarity[b, a] = value
    return similarity


def similarity_gains(similarity: Tensor, *, neutral: float | None = None) -> Tensor:
    r"""Turn a similarity into gains for `group_tasks`: ``[task, task]``.

    .. math:: A_{ab} = s_{ab} - s_0, \qquad A_{aa} = 0

    A similarity has no natural zero, below which a task had better be alone; :math:`s_0` stands for it. This
    is a guess: a similarity is no measurement of what training together does.

    Args:
        similarity: ``[task, task]``; NaN stays NaN.
        neutral: :math:`s_0`; the mean over known pairs where None, so that a task gains from those that are
            more like it than tasks are on average.

    Raises:
        InputError: ``similarity`` is not square.

    Example:
        >>> similarity_gains(torch.tensor([[1.0, 0.5], [0.5, 1.0]]), neutral=0.25)
        tensor([[0.0000, 0.2500],
                [0.2500, 0.0000]])
    """
    if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1]:
        raise InputError(f"`similarity` must be [task, task], but has shape {tuple(similarity.shape)}.")
    alone = torch.eye(len(similarity), dtype=torch.bool, device=similarity.device)
    middle = similarity[~alone].nanmean() if neutral is None else neutral
    return torch.where(alone, 0.0, similarity - middle)


def _columns(task: Task, data: Batch) -> tuple[Tensor, Tensor]:
    """Return targets as numbers ``[row, column]``, and which rows have all their labels ``[row]``."""
    target = data.targets[task.name].cpu()
    mask = data.masks.get(task.name)
    known = torch.ones(len(data), dtype=torch.bool) if mask is None else mask.cpu()
    known = known.flatten(1).all(1) if known.ndim > 1 else known
    if task.kind == "multiclass":
        target = functional.one_hot(torch.where(known, target.long(), 0), task.n_outputs)
    return target.double().reshape(len(data), -1), known


def _correlation(left: Tensor, right: Tensor) -> float:
    left, right = left - left.mean(0), right - right.mean(0)  # [row, column]
    scale = (left.T @ left).norm() * (right.T @ right).norm()
    # A constant target leaves rounding behind, not zero.
    constant = any(side.abs().max() < 1e-12 for side in (left, right))
    return math.nan if constant else min(1.0, float((left.T @ right).norm() / scale.sqrt()))
