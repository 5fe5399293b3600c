"""What a head says of examples that it was not fitted to: one of every class is left out in turn."""

from collections.abc import Callable

import numpy as np

from polytask.meta.heads.linear_head import LinearHead

__all__ = ["FitHead", "held_out_scores", "turns_of", "within_rows"]

FitHead = Callable[[np.ndarray, np.ndarray, int, float], LinearHead]
"""Fits a head to features ``[row, feature]``, labels ``[row]``, a number of classes and a strength."""

_MOST_TURNS = 5


def turns_of(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Deal rows to turns ``[row]``: in each, some of every class are left out, and never its last one.

    With up to five examples a class, one of each is left out at a time; beyond, a fifth of them. A row whose
    class has no other is in no turn, -1.
    """
    counts = np.bincount(labels, minlength=n_classes)
    n_turns = min(_MOST_TURNS, int(counts.max(initial=0)))
    turns = np.full(len(labels), -1)
    for index in np.flatnonzero(counts > 1):
        rows = np.flatnonzero(labels == index)
        turns[rows] = np.arange(len(rows)) % n_turns
    return turns


def held_out_scores(
    fit: FitHead,
    features: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    strength: float,
    turns: np.ndarray,
) -> np.ndarray:
    """Return the scores ``[row, class]`` of rows by heads fitted without them; NaN where none was."""
    scores = np.full((len(labels), n_classes), np.nan)
    for turn in range(int(turns.max(initial=-1)) + 1):
        out = turns == turn
        head = fit(features[~out], labels[~out], n_classes, strength)
        scores[out] = head.scores(features[out])
    return scores


def within_rows(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates ``[row, axis]`` of rows among themselves, and axes ``[axis, feature]`` to go back.

    Heads whose penalty is a Euclidean norm are combinations of the rows, so that few rows of many features
    are fitted as few rows of few coordinates: the same head, faster.
    """
    rows, size = features.shape
    if rows >= size:
        return features, np.eye(size)
    values, vectors = np.linalg.eigh(features @ features.T)
    usable = values > 1e-10 * max(float(values.max(initial=0)), 1e-300)
    axes = (vectors[:, usable] / np.sqrt(values[usable])).T @ features  # orthonormal
    return features @ axes.T, axes
