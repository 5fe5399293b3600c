"""What many known classes teach about features: what differs within classes counts less.

A map that shrinks the directions in which examples of known classes scatter is tried on known classes that it
was not made of, in episodes of few examples. Where none is clearly better than no map, there is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import Interval, mean_interval
from polytask.core.random import numpy_generator
from polytask.meta.heads.class_means import class_means, means_of
from polytask.meta.heads.sharpness import best_sharpness
from polytask.models.known_tasks import KnownTasks
from polytask.models.typicality import confidence

__all__ = ["SHOTS", "FeatureMap", "MapTrial", "accuracy_of", "episodes_of", "learned_map", "within_map"]

STRENGTHS = (0.9, 0.6, 0.3, 0.1)
"""Of the maps that are tried; a smaller one shrinks more."""
SHOTS = (1, 5)
_N_FOLDS, _N_EPISODES = 3, 20  # episodes of each fold and number of examples
_MOST_CLASSES, _MOST_QUERIES = 50, 10  # of an episode
_N_QUANTILES = 199
_USUAL_SHARPNESS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MapTrial:
    """A map on held-out known classes.

    Args:
        strength: Of the map; None for no map.
        accuracy: By number of examples of a class, as an interval over episodes.
        gain: How much higher it is than without a map, over all episodes, paired.
        chosen: Whether it is taken.
    """

    strength: float | None
    accuracy: Mapping[int, Interval]
    gain: Interval
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureMap:
    """What was learned.

    Args:
        map: ``[feature, feature]``; None where no map is clearly better than none.
        known: How sure class means of one example are on held-out known classes, and how well others fit.
        trials: What was tried.
    """

    map: Tensor | None
    known: KnownTasks
    trials: tuple[MapTrial, ...]


def within_map(features: np.ndarray, labels: np.ndarray, n_classes: int, strength: float) -> Tensor:
    r"""Return the map that makes the scatter within classes alike in all directions, as far as it is trusted.

    .. math:: M = \left( (1 - \alpha) S / t + \alpha I \right)^{-1/2}

    :math:`S` is the covariance within classes, :math:`t` the mean of its diagonal, :math:`\alpha` the
    strength.

    Args:
        features: float64 ``[row, feature]``.
        labels: The class of each row, from 0; some class has two.
        n_classes: Classes.
        strength: Above 0, at most 1, which is no map.

    References:
        Andrew Hatch, Sachin Kajarekar, Andreas Stolcke, "Within-class Covariance Normalization for SVM-based
        Speaker Recognition", Interspeech 2006. Differs: the covariance is shrunk to a multiple of the
        identity.
    """
    return _map_of(*_scatter(features, labels, n_classes), strength)


def _scatter(features: np.ndarray, labels: np.ndarray, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the variances within classes along their axes, of mean 1, and the axes as columns.

    Where rows are fewer than features, the axes are as many as the rows; nothing scatters along others.
    """
    means, counts = means_of(features, labels, n_classes)
    apart = (features - means[labels]) / np.sqrt(max(int(np.maximum(counts - 1, 0).sum()), 1))
    n_rows, width = apart.shape
    scale = max(float(np.square(apart).sum()) / width, 1e-12)
    if n_rows >= width:
        return np.linalg.eigh(apart.T @ apart / scale)
    _, sizes, axes = np.linalg.svd(apart, full_matrices=False)
    return np.square(sizes) / scale, axes.T


def _map_of(values: np.ndarray, axes: np.ndarray, strength: float) -> Tensor:
    shrunk = (1 - strength) * values.clip(min=0) + strength
    apart = strength**-0.5  # along all axes that are not named
    made = (axes * (shrunk**-0.5 - apart)) @ axes.T
    np.fill_diagonal(made, made.diagonal() + apart)
    return torch.from_numpy(made).float()


def learned_map(
    features: Tensor, labels: np.ndarray, *, about: str, seed: int, strengths: Sequence[float] = STRENGTHS
) -> FeatureMap:
    """Learn a map of features, if it helps to tell known classes apart that it was not made of.

    Classes are dealt into three folds. The map with the highest accuracy on held-out classes, over episodes
    of 1 and 5 examples a class, is taken if the interval of its gain lies above 0.

    Args:
        features: float32 ``[row, feature]``, of length 1.
        labels: The class of each row, from 0; of every class two rows, of six classes at least.
        about: What the known classes are, in words.
        seed: Decides folds and episodes.
        strengths: Of the maps that are tried.
    """
    n_classes = int(labels.max()) + 1
    fold = numpy_generator(seed, "folds of classes").permutation(n_classes) % _N_FOLDS
    right: dict[float | None, dict[int, list[float]]] = {
        strength: {shot: [] for shot in SHOTS} for strength in (None, *strengths)
    }
    spaces: dict[float | None, list[Tensor]] = {strength: [] for strength in right}
    for index in range(_N_FOLDS):
        inside = fold[labels] != index
        rows, own = features.double().numpy()[inside], np.unique(labels[inside], return_inverse=True)[1]
        scatter = _scatter(rows, own, int(own.max()) + 1)
        for strength in right:
            mapped = features
            if strength is not None:
                mapped = functional.normalize(features @ _map_of(*scatter, strength), dim=1)
            spaces[strength].append(mapped)
            for shot in SHOTS:
                episodes = episodes_of(labels, np.flatnonzero(fold == index), shot, seed=seed + index)
                right[strength][shot] += [accuracy_of(mapped, *episode) for episode in episodes]
    chosen = _chosen(right)
    known = _known(spaces[chosen], labels, fold, about=about, seed=seed)
    made = None
    if chosen is not None:
        made = within_map(features.double().numpy(), labels, n_classes, chosen)
    return FeatureMap(map=made, known=known, trials=_trials(right, chosen))


def _chosen(right: Mapping[float | None, Mapping[int, list[float]]]) -> float | None:
    best = max(right, key=lambda strength: np.mean(_joined(right[strength])))
    gain = mean_interval((_joined(right[best]) - _joined(right[None])).tolist())
    return best if best is not None and gain.low > 0 else None


def _trials(
    right: Mapping[float | None, Mapping[int, list[float]]], chosen: float | None
) -> tuple[MapTrial, ...]:
    plain = _joined(right[None])
    return tuple(
        MapTrial(
            strength=strength,
            accuracy={shot: mean_interval(values) for shot, values in found.items() if values},
            gain=mean_interval((_joined(found) - plain).tolist()),
            chosen=strength == chosen,
        )
        for strength, found in right.items()
    )


def _joined(found: Mapping[int, list[float]]) -> np.ndarray:
    return np.concatenate([np.asarray(values) for values in found.values()])


Episode = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Rows and classes of the support, rows and classes of the queries."""


def episodes_of(labels: np.ndarray, classes: np.ndarray, shot: int, *, seed: int) -> list[Episode]:
    """Draw episodes of held-out classes that have more examples than are shown; none if they are not two.

    Args:
        labels: The class of each row.
        classes: Those that may take part.
        shot: Examples of each that are shown.
        seed: Decides classes and rows.
    """
    counts = np.bincount(labels, minlength=int(classes.max()) + 1)
    large = classes[counts[classes] > shot]
    if len(large) < 2:
        return []
    found = []
    for index in range(_N_EPISODES):
        draw = numpy_generator(seed, "episode", shot, index)
        support, queries = [], []
        for label in draw.permutation(large)[:_MOST_CLASSES]:
            order = draw.permutation(np.flatnonzero(labels == label))
            support.append(order[:shot])
            queries.append(order[shot : shot + _MOST_QUERIES])
        own = np.arange(len(support))
        asked = np.repeat(own, [len(rows) for rows in queries])
        found.append((np.concatenate(support), np.repeat(own, shot), np.concatenate(queries), asked))
    return found


def _scores(features: Tensor, support: np.ndarray, own: np.ndarray, queries: np.ndarray) -> np.ndarray:
    rows = features.double().numpy()
    head = class_means(rows[support], own, int(own.max()) + 1, 1.0)
    return rows[queries] @ head.weight.T + head.bias


def accuracy_of(
    features: Tensor, support: np.ndarray, own: np.ndarray, queries: np.ndarray, asked: np.ndarray
) -> float:
    """Return the share of queries of an episode that are nearest to the mean of their class.

    Args:
        features: ``[row, feature]``.
        support: The rows that are shown.
        own: Their classes, from 0.
        queries: The rows that are told.
        asked: Their classes.
    """
    return float((_scores(features, support, own, queries).argmax(1) == asked).mean())


def _known(
    spaces: Sequence[Tensor], labels: np.ndarray, fold: np.ndarray, *, about: str, seed: int
) -> KnownTasks:
    """Learn how sure class means of one example are, and how well other examples fit."""
    sharpness, confidences = [], []
    for index, features in enumerate(spaces):
        for support, own, queries, asked in episodes_of(
            labels, np.flatnonzero(fold == index), 1, seed=seed + index
        ):
            scores = _scores(features, support, own, queries)
            sharpness.append(best_sharpness(scores, asked, usual=_USUAL_SHARPNESS))
            confidences.append(scores)
    factor = float(np.exp(np.mean(np.log(sharpness)))) if sharpness else _USUAL_SHARPNESS
    values = np.concatenate([confidence(scores, factor) for scores in confidences] or [np.zeros(0)])
    places = (np.arange(_N_QUANTILES) + 0.5) / _N_QUANTILES
    references = np.quantile(values, places) if len(values) else np.zeros(0)
    return KnownTasks(factor, torch.from_numpy(np.sort(references)), about)
