"""Simple ways to learn many tasks with few labels: ridge regression, alone and with a common rank."""

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import RidgeCV

__all__ = ["mean_r2", "own_ridge", "reduced_rank_ridge"]

_PENALTIES = np.logspace(-2, 3, 6)
_ROUNDS = 25


def mean_r2(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Return the explained share of the variance, averaged over tasks.

    Args:
        predicted: ``[row, task]``.
        truth: ``[row, task]``.

    Example:
        >>> mean_r2(np.array([[1.0], [2.0]]), np.array([[1.0], [2.0]]))
        1.0
    """
    errors = np.square(predicted - truth).sum(0)
    return float(np.mean(1 - errors / np.square(truth - truth.mean(0)).sum(0)))


def own_ridge(inputs: Sequence[np.ndarray], labels: np.ndarray, new: Sequence[np.ndarray]) -> np.ndarray:
    """Fit each task alone, with a penalty that its own rows choose by leaving one out.

    Args:
        inputs: Of each task ``[row, input]``.
        labels: ``[row, task]``; NaN where there is none.
        new: The rows to predict for each task, ``[new row, input]``.

    Returns:
        ``[new row, task]``.
    """
    predicted = []
    for task, (features, rows) in enumerate(zip(inputs, new, strict=True)):
        known = ~np.isnan(labels[:, task])
        model = RidgeCV(alphas=_PENALTIES).fit(features[known], labels[known, task])
        predicted.append(model.predict(rows))
    return np.stack(predicted, axis=1)


def reduced_rank_ridge(
    inputs: np.ndarray, labels: np.ndarray, new: np.ndarray, *, rank: int, seed: int = 0
) -> np.ndarray:
    """Fit ``y_t = b_t + x' B c_t`` with a common ``B`` of low rank, by alternating ridge regressions.

    The penalty is chosen by five folds of the labels.

    Args:
        inputs: ``[row, input]``.
        labels: ``[row, task]``; NaN where there is none.
        new: The rows to predict ``[new row, input]``.
        rank: Of ``B``.
        seed: Decides the folds, and where ``B`` starts.

    Returns:
        ``[new row, task]``.

    References:
        Alan Izenman, "Reduced-rank regression for the multivariate linear model", Journal of Multivariate
        Analysis 5, 1975; here with missing labels and a penalty on both factors.
    """
    rows, tasks = np.nonzero(~np.isnan(labels))
    values = labels[rows, tasks]
    draw = np.random.default_rng(seed)
    fold = draw.permutation(len(rows)) % 5
    errors = []
    for penalty in _PENALTIES:
        error = 0.0
        for held_out in range(5):
            train = fold != held_out
            solved = _alternating(
                inputs[rows[train]], tasks[train], values[train], labels.shape[1], rank, penalty
            )
            told = _told(solved, inputs[rows[~train]])
            error += np.square(told[np.arange(len(told)), tasks[~train]] - values[~train]).sum()
        errors.append(error)
    best = float(_PENALTIES[int(np.argmin(errors))])
    return _told(_alternating(inputs[rows], tasks, values, labels.shape[1], rank, best), new)


def _told(solved: tuple[np.ndarray, np.ndarray, np.ndarray], inputs: np.ndarray) -> np.ndarray:
    basis, strengths, means = solved
    return means + inputs @ basis @ strengths.T


def _alternating(
    inputs: np.ndarray, tasks: np.ndarray, values: np.ndarray, n_tasks: int, rank: int, penalty: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``B`` ``[input, rank]``, the ``c_t`` ``[task, rank]`` and the means ``[task]``."""
    counts = np.maximum(np.bincount(tasks, minlength=n_tasks), 1)
    means = np.bincount(tasks, weights=values, minlength=n_tasks) / counts
    rest = values - means[tasks]
    own = np.zeros((n_tasks, inputs.shape[1]))
    for task in range(n_tasks):  # where B starts: the directions that ridge regressions of the tasks share
        x = inputs[tasks == task]
        own[task] = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ rest[tasks == task])
    basis = np.linalg.svd(own, full_matrices=False)[2][:rank].T
    strengths = np.zeros((n_tasks, rank))
    rows_of = [np.flatnonzero(tasks == task) for task in range(n_tasks)]
    for _ in range(_ROUNDS):
        coordinates = inputs @ basis
        parts = [coordinates[rows] for rows in rows_of]
        grams = np.stack([z.T @ z for z in parts]) + penalty * np.eye(rank)
        wanted = np.stack([z.T @ rest[rows] for z, rows in zip(parts, rows_of, strict=True)])
        strengths = np.linalg.solve(grams, wanted[:, :, None])[:, :, 0]  # of all tasks at once
        products = (inputs[:, :, None] * strengths[tasks][:, None, :]).reshape(len(inputs), -1)
        gram = products.T @ products + penalty * np.eye(products.shape[1])
        basis = np.linalg.solve(gram, products.T @ rest).reshape(basis.shape)
    return basis, strengths, means
