"""Heads that fit few labels: ridge and logistic regression, as strong as held-out rows say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from polytask.core import Task
from polytask.core.quiet import filtered_warnings
from polytask.data.tables.folds import Fold

__all__ = ["FewLabelHead", "fit_head"]

_PENALTIES = np.logspace(-2, 5, 15)
_STRENGTHS = np.logspace(-3, 1, 5)
_NEVER = -12.0  # logit of a class without a row in training


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FewLabelHead:
    """A linear head.

    Args:
        weight: ``[feature, output]``.
        bias: ``[output]``.
        held_out: What heads that were not fitted on a row predict for it, ``[row, output]``.
        strength: How strongly it is regularized: the penalty of a ridge regression, C of a logistic one.
    """

    weight: np.ndarray
    bias: np.ndarray
    held_out: np.ndarray
    strength: float


def fit_head(
    task: Task,
    features: np.ndarray,
    labels: np.ndarray,
    folds: Sequence[Fold],
    *,
    strength: float | None = None,
) -> FewLabelHead:
    """Fit the head of one target.

    Features are centred and divided by one number inside, which goes into the weights. For numbers every row
    is left out in turn, in closed form; for classes the rows of a fold.

    Args:
        task: The target.
        features: float64 ``[row, feature]``.
        labels: ``[row]``: numbers, or codes of classes.
        folds: By which classes are held out.
        strength: How strongly it is regularized; None for what held-out rows choose.
    """
    # One scale for all: a unit that is nearly still in these few rows must not be blown up for others.
    middle, scale = features.mean(0), max(float(np.sqrt(features.var(0).mean())), 1e-9)
    inputs = (features - middle) / scale
    if task.kind == "regression":
        tried = _PENALTIES if strength is None else (strength,)
        weight, bias, held_out, strength = _ridge(inputs, labels.astype(float), tried)
    else:
        tried = _STRENGTHS if strength is None else (strength,)
        codes, n_classes = labels.astype(int), max(task.n_outputs, 2)
        weight, bias, held_out, strength = _logistic(inputs, codes, n_classes, folds, tried)
        if task.kind == "binary":  # one logit, of the second class over the first
            weight, bias = weight[:, 1:] - weight[:, :1], bias[1:] - bias[:1]
            held_out = held_out[:, 1:] - held_out[:, :1]
    weight = weight / scale
    return FewLabelHead(weight=weight, bias=bias - middle @ weight, held_out=held_out, strength=strength)


def _ridge(
    inputs: np.ndarray, labels: np.ndarray, penalties: Iterable[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return weight, intercept and leave-one-out predictions at the best penalty, and that penalty."""
    n_rows = len(labels)
    left, values, right = np.linalg.svd(inputs, full_matrices=False)
    centred = labels - labels.mean()
    best = (np.zeros((inputs.shape[1], 1)), np.zeros(1), np.zeros((n_rows, 1)), 0.0)
    lowest = np.inf
    for penalty in penalties:
        shrunk = values**2 / (values**2 + penalty)
        fitted = labels.mean() + left @ (shrunk * (left.T @ centred))
        leverage = 1 / n_rows + (left**2 * shrunk).sum(1)
        held_out = labels - (labels - fitted) / np.maximum(1 - leverage, 1e-9)
        loss = float(np.mean((held_out - labels) ** 2))
        if loss < lowest:
            lowest = loss
            weight = right.T @ (values / (values**2 + penalty) * (left.T @ centred))
            best = (weight[:, None], np.array([labels.mean()]), held_out[:, None], float(penalty))
    return best


def _logistic(
    inputs: np.ndarray, codes: np.ndarray, n_classes: int, folds: Sequence[Fold], strengths: Iterable[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return weight, intercept and held-out logits at the best strength, and that strength."""
    lowest, strength, kept = np.inf, 1.0, np.zeros((len(codes), n_classes))
    for tried in strengths:
        held_out = np.zeros((len(codes), n_classes))
        for fold in folds:
            weight, bias = _solved(inputs[fold.train], codes[fold.train], n_classes, tried)
            held_out[fold.held_out] = inputs[fold.held_out] @ weight + bias
        shares = held_out - np.logaddexp.reduce(held_out, axis=1, keepdims=True)
        loss = float(-shares[np.arange(len(codes)), codes].mean())
        if loss < lowest:
            lowest, strength, kept = loss, float(tried), held_out
    return *_solved(inputs, codes, n_classes, strength), kept, strength


def _solved(
    inputs: np.ndarray, codes: np.ndarray, n_classes: int, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Solve one logistic regression; classes without a row stay unlikely."""
    weight, bias = np.zeros((inputs.shape[1], n_classes)), np.full(n_classes, _NEVER)
    present = np.unique(codes)
    if len(present) == 1:
        bias[present] = 0.0
        return weight, bias
    with filtered_warnings(ConvergenceWarning):  # it is judged on held-out rows as it is
        solved = LogisticRegression(C=strength, max_iter=300).fit(inputs, codes)
    if len(present) == 2:
        weight[:, present[1]], bias[present] = solved.coef_[0], (0.0, float(solved.intercept_[0]))
    else:
        weight[:, present], bias[present] = solved.coef_.T, solved.intercept_
    return weight, bias
