"""Tell rows whose numbers are easy to predict from hard ones, by how far off held-out answers were."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from polytask.data.tables.folds import Fold
from polytask.evaluate.jackknife import jackknife_interval
from polytask.models.calibration import Difficulty

__all__ = ["fit_difficulty"]

_FEWEST = 100  # labels
_MOST_FEATURES = 500  # above, the answer alone tells of difficulty
_PENALTIES = tuple(10.0**power for power in range(-2, 4))  # times the rows
_STEPS = 8
_MOST = 10.0  # that exponents differ from their mean
_FARTHEST = 10.0  # distance in units of the expected one; an outlier is no reason for more
_RANGE = (0.02, 0.98)  # of the exponents seen, beyond which none is believed
_LEVEL = 0.9
_EXACT = 1e-12  # a mean distance below which there is nothing to tell


def fit_difficulty(
    predictions: Tensor,
    labels: Tensor,
    inputs: Tensor,
    usable: np.ndarray,
    folds: Sequence[Fold],
    blocks: np.ndarray,
) -> tuple[Difficulty | None, np.ndarray]:
    r"""Fit the distance to the label by a log-linear model, if that makes intervals better.

    It does if the interval score at 90 %, which adds what a label lies outside, times :math:`2 / \alpha`, to
    the length, is lower beyond doubt than with one length for all rows. Each row is judged by what the other
    folds fitted.

    Args:
        predictions: Held-out standardized numbers ``[row]``.
        labels: Standardized labels ``[row]``.
        inputs: Encoded features ``[row, feature]``.
        usable: Which rows were judged and have a label, bool ``[row]``.
        folds: The folds by which rows are judged.
        blocks: The block of every row, see `row_blocks`.

    Returns:
        The difficulty, None where all rows are alike; and that of every row as the other folds tell it,
        float64 ``[row]``.

    References:
        Jing Lei, Max G'Sell, Alessandro Rinaldo, Ryan J. Tibshirani, Larry Wasserman, "Distribution-Free
        Predictive Inference for Regression", Journal of the American Statistical Association 113, 2018,
        arXiv:1604.04173: locally weighted scores.

        Tilmann Gneiting, Adrian E. Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation",
        Journal of the American Statistical Association 102, 2007, section 6.2: the interval score.
    """
    alike = np.ones(len(usable))
    if usable.sum() < _FEWEST:
        return None, alike
    distances = (predictions - labels).double().abs().numpy()
    if distances[usable].mean() < _EXACT:
        return None, alike
    described = Difficulty.description(inputs, predictions)
    crossed = alike.copy()
    for fold in folds:
        others = usable.copy()
        others[fold.held_out] = False
        if others.sum() < _FEWEST // 2:
            return None, alike
        rows = torch.from_numpy(fold.held_out)
        crossed[fold.held_out] = _fitted(described[others], distances[others])(
            inputs[rows], predictions[rows]
        )
    won = _interval_scores(distances[usable], alike[usable]) - _interval_scores(
        distances[usable], crossed[usable]
    )
    interval = jackknife_interval(lambda chosen: float(won[chosen].mean()), blocks[usable])
    if interval is None or not interval.low > 0:
        return None, alike
    return _fitted(described[usable], distances[usable]), crossed


def _fitted(described: np.ndarray, distances: np.ndarray) -> Difficulty:
    """Fit a log-linear model of the distances: Fisher's scoring, whose steps are ridge regressions.

    With the logarithm as link and a spread in proportion to the mean, as a gamma distribution has it, all
    rows keep the same weight, so that one decomposition serves all steps. The penalty of a step is that of
    the lowest generalized cross-validation.
    """
    means = described.mean(0)
    centred = described - means
    if described.shape[1] - 2 > _MOST_FEATURES:
        centred[:, :-2] = 0.0
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    values = values.clip(min=0)
    middle, weights = math.log(distances.mean()), np.zeros(described.shape[1])
    for _ in range(_STEPS):
        exponents = (centred @ weights + middle).clip(middle - _MOST, middle + _MOST)
        wanted = exponents + (distances / np.exp(exponents)).clip(max=_FARTHEST) - 1
        middle = float(wanted.mean())
        weights = _ridge(values, vectors, centred, wanted - middle)
    exponents = centred @ weights + middle
    low, high = np.quantile(exponents, _RANGE).clip(middle - _MOST, middle + _MOST)
    return Difficulty(weights=weights, bias=float(middle - means @ weights), low=float(low), high=float(high))


def _ridge(values: np.ndarray, vectors: np.ndarray, centred: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the weights ``[feature]``, given the decomposition of the features' second moments."""
    n_rows = len(wanted)
    projected = vectors.T @ (centred.T @ wanted) / n_rows
    total = float((wanted**2).mean())
    best, lowest = np.zeros_like(projected), math.inf
    for penalty in _PENALTIES:
        shrunk = projected / (values + penalty)
        left = total - 2 * float(shrunk @ projected) + float(shrunk @ (values * shrunk))
        free = 1 - (1 + float((values / (values + penalty)).sum())) / n_rows
        score = left / free**2 if free > 0 else math.inf
        if score < lowest:
            best, lowest = vectors @ shrunk, score
    return best


def _interval_scores(distances: np.ndarray, difficulty: np.ndarray) -> np.ndarray:
    """Return the interval score of every row, with one radius for all in units of difficulty."""
    reach = np.quantile(distances / difficulty, _LEVEL) * difficulty
    return 2 * reach + 2 / (1 - _LEVEL) * (distances - reach).clip(min=0)
