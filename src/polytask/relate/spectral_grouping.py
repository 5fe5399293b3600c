"""Groups as clusters of a graph whose edges are gains."""

import numpy as np
from sklearn.cluster import KMeans

from polytask.relate.group_value import Allowance, GroupValue, Part
from polytask.relate.helpers_in_groups import parts_with_helpers

__all__ = ["spectral_parts"]


def spectral_parts(value: GroupValue, budget: float, overlap: bool) -> list[Part] | None:
    """Return the parts of the best clustering within the budget; None where none is.

    Every number of clusters is tried, and the one with the largest predicted gain is kept.
    """
    allowance = Allowance(budget)
    vectors = _vectors(value.gains)
    best: list[frozenset[int]] | None = None
    best_total = -np.inf
    for n_groups in range(1, value.n_tasks + 1):
        groups = _clusters(vectors[:, :n_groups])
        total = sum(value.total(group) for group in groups)
        if total > best_total and allowance.covers_all(groups, value):
            best, best_total = groups, total
    if best is None:
        return None
    if overlap:
        return parts_with_helpers(best, value, allowance)
    return [Part(group, group) for group in best]


def _vectors(gains: np.ndarray) -> np.ndarray:
    """Return eigenvectors of the normalized affinities, the largest eigenvalue first: ``[task, vector]``."""
    affinities = np.maximum((gains + gains.T) / 2, 0.0)
    np.fill_diagonal(affinities, 0.0)
    # An edge of almost nothing to everyone gives a task without any affinity a degree.
    affinities = affinities + 1e-6 * (affinities.max() or 1.0)
    root = np.sqrt(affinities.sum(1))
    values, vectors = np.linalg.eigh(affinities / np.outer(root, root))
    return vectors[:, np.argsort(-values)]


def _clusters(vectors: np.ndarray) -> list[frozenset[int]]:
    """Cluster the tasks into as many groups as there are vectors, or fewer where some coincide."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    points = vectors / np.maximum(lengths, 1e-12)  # [task, vector]
    centers = _apart(points)
    # Its inferred types know the defaults alone.
    k_means = KMeans(len(centers), init=centers, n_init=1)  # pyright: ignore[reportArgumentType]
    labels = np.asarray(k_means.fit_predict(points))  # [task]
    return [frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)]


def _apart(points: np.ndarray) -> np.ndarray:
    """Choose one center a cluster among the points, each far from those before; nothing is drawn."""
    first = int(np.argmax(points @ points.mean(0)))
    chosen = [first]
    distances = np.linalg.norm(points - points[first], axis=1)
    while len(chosen) < points.shape[1] and distances.max() > 1e-6:
        chosen.append(int(np.argmax(distances)))
        distances = np.minimum(distances, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return points[chosen]
