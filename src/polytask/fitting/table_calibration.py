"""From held-out predictions to the calibration of a model."""

from collections.abc import Mapping
from typing import cast

import numpy as np
from torch import Tensor

from polytask.core import Batch, Task
from polytask.evaluate.jackknife import row_blocks
from polytask.fitting.difficulty import fit_difficulty
from polytask.fitting.network_spread import NetworkSpread
from polytask.fitting.table_preparation import PreparedTable
from polytask.fitting.temperature import Sharpness, fit_temperature
from polytask.models.calibration import Calibration, TargetCalibration, class_scores
from polytask.models.score_distribution import ScoreDistribution

__all__ = ["calibrate", "calibrate_with_scores", "held_out_scores"]


def calibrate(
    prepared: PreparedTable,
    predictions: Mapping[str, Tensor],
    *,
    seed: int,
    spread: NetworkSpread | None = None,
) -> tuple[Calibration, dict[str, Sharpness]]:
    """Learn from held-out predictions how sure a model may be.

    Scores that a difficulty scales are scaled by what the other folds fitted.

    Args:
        prepared: The table.
        predictions: By target, held-out predictions ``[row, n_outputs]``; NaN where a row was not judged.
        seed: Decides the blocks of rows by which noise is told.
        spread: By how much the networks of the model differ, whose average lies closer to labels than
            held-out predictions do; None for scores as these have them.

    Returns:
        The calibration, and what temperature did for each classification target.
    """
    return calibrate_with_scores(prepared, predictions, seed=seed, spread=spread)[:2]


def calibrate_with_scores(
    prepared: PreparedTable,
    predictions: Mapping[str, Tensor],
    *,
    seed: int,
    spread: NetworkSpread | None = None,
) -> tuple[Calibration, dict[str, Sharpness], np.ndarray]:
    """Do what `calibrate` does, and return the scores of held-out predictions ``[target, row]``, too."""
    blocks = row_blocks(len(prepared.rows), groups=prepared.groups, order=prepared.times, seed=seed)
    folds, rows = prepared.repeats[0], prepared.rows
    targets, sharpness = {}, {}
    scores = np.full((len(prepared.tasks), len(rows)), np.nan)
    own, shares = scores.copy(), _shares(prepared.groups, len(rows))
    for index, task in enumerate(prepared.tasks):
        name, held_out = task.name, predictions[task.name].cpu()
        usable = _usable(task, held_out, rows)
        found = fit_temperature(task, held_out, rows, folds, blocks)
        difficulty, unit, temperature = None, np.ones(len(rows)), 1.0
        if found is not None:
            sharpness[name], temperature = found, found.temperature
        elif task.kind == "regression":
            difficulty, unit = fit_difficulty(
                held_out[:, 0], rows.targets[name], cast(Tensor, rows.inputs), usable, folds, blocks
            )
        scores[index] = np.where(
            usable, held_out_scores(task, held_out.double() / temperature, rows) / unit, np.nan
        )
        closer = 1.0 if spread is None else spread.factor(name, scores[index], unit, shares)
        own[index] = closer * scores[index]
        targets[name] = TargetCalibration(
            temperature=temperature,
            scores=_distribution(own[index], prepared.groups),
            difficulty=difficulty,
        )
    together = _together(own, list(targets.values()), prepared.groups)
    by_group = prepared.groups is not None
    return Calibration(targets=targets, together=together, by_group=by_group), sharpness, scores


def held_out_scores(task: Task, predictions: Tensor, rows: Batch) -> np.ndarray:
    """Return the nonconformity of the rows' labels, float64 ``[row]``; anything where there is no label."""
    labels = rows.targets[task.name]
    if task.kind == "regression":
        return (predictions[:, 0].double() - labels.double()).abs().numpy()
    return np.take_along_axis(class_scores(task, predictions), labels.long().numpy()[:, None], axis=1)[:, 0]


def _shares(groups: np.ndarray | None, n_rows: int) -> np.ndarray:
    """Return how much each row counts, ``[row]``: all alike, or all groups."""
    if groups is None:
        return np.ones(n_rows)
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return 1.0 / sizes[group.reshape(-1)]


def _usable(task: Task, predictions: Tensor, rows: Batch) -> np.ndarray:
    return (rows.masks[task.name].reshape(len(rows)) & ~predictions.isnan().any(-1)).numpy()


def _distribution(scores: np.ndarray, groups: np.ndarray | None) -> ScoreDistribution | None:
    known = ~np.isnan(scores)
    return ScoreDistribution.of(scores[known], None if groups is None else groups[known])


def _together(
    scores: np.ndarray, targets: list[TargetCalibration], groups: np.ndarray | None
) -> ScoreDistribution | None:
    """Return the distribution of each row's worst rank, over rows with a label of every target."""
    complete = ~np.isnan(scores).any(0)
    if not complete.any():
        return None
    ranks = [
        found.scores.ranks(own[complete])
        for own, found in zip(scores, targets, strict=True)
        if found.scores is not None
    ]
    return ScoreDistribution.of(np.max(ranks, axis=0), None if groups is None else groups[complete])
