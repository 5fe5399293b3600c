"""One number a target that makes probabilities as sure as they are right: the temperature of its logits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, Task
from polytask.data.tables.folds import Fold
from polytask.evaluate.jackknife import jackknife_interval
from polytask.evaluate.skill import row_losses
from polytask.meta.heads.sharpness import calibration_gap
from polytask.models.calibration import class_scores

__all__ = ["Sharpness", "calibration_error", "fit_temperature"]

_FEWEST = 50  # labels below which a temperature would follow their noise
_SHARPEST, _BLUNTEST = 10.0, 0.1  # factors of the logits
_STEPS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharpness:
    """A temperature, and what it does for held-out rows.

    Args:
        temperature: By which logits are divided; 1 where that does not help beyond noise.
        before: The expected calibration error of the probabilities as they are.
        after: With temperatures that the other folds choose; as ``before`` where they are left.
    """

    temperature: float
    before: float
    after: float


def fit_temperature(
    task: Task, predictions: Tensor, rows: Batch, folds: Sequence[Fold], blocks: np.ndarray
) -> Sharpness | None:
    r"""Choose the temperature :math:`T` of a classification target by the log loss of held-out rows.

    Probabilities become :math:`\mathrm{softmax}(z / T)`, so no answer changes. A temperature is kept if the
    losses with those that the other folds choose are lower beyond doubt: the interval of `jackknife_interval`
    lies above 0.

    Args:
        task: The target; a regression has none.
        predictions: Held-out logits ``[row, n_outputs]``; NaN where a row is not judged.
        rows: The labelled rows.
        folds: The folds by which rows are judged.
        blocks: The block of every row, see `row_blocks`.

    Returns:
        None without held-out labels, and for a regression.

    References:
        Chuan Guo, Geoff Pleiss, Yu Sun, Kilian Q. Weinberger, "On Calibration of Modern Neural Networks",
        ICML 2017, arXiv:1706.04599, section 4.2.
    """
    labelled = rows.masks[task.name].reshape(len(rows))
    usable = labelled & ~predictions.isnan().any(-1)
    if task.kind == "regression" or not bool(usable.any()):
        return None
    one, logits = rows.only([task.name]), predictions.double()
    before = calibration_error(task, logits[usable], one.rows(usable))
    if int(usable.sum()) < _FEWEST:
        return Sharpness(temperature=1.0, before=before, after=before)
    factor = _best_factor(task, logits[usable], one.rows(usable))
    crossed = logits.clone()
    for fold in folds:
        held_out = torch.from_numpy(fold.held_out)
        others = usable.clone()
        others[held_out] = False
        if bool(others.any()):
            crossed[held_out] = logits[held_out] * _best_factor(task, logits[others], one.rows(others))
    kept = one.rows(usable)
    won = (row_losses(task, logits[usable], kept) - row_losses(task, crossed[usable], kept)).numpy()
    interval = jackknife_interval(lambda chosen: float(won[chosen].mean()), blocks[usable.numpy()])
    if interval is None or not interval.low > 0:
        return Sharpness(temperature=1.0, before=before, after=before)
    after = calibration_error(task, crossed[usable], kept)
    return Sharpness(temperature=1 / factor, before=before, after=after)


def calibration_error(task: Task, logits: Tensor, rows: Batch) -> float:
    """Return the `calibration_gap` of a target's logits.

    Args:
        task: A classification target.
        logits: ``[row, n_outputs]``.
        rows: As many rows, all labelled.
    """
    return calibration_gap(1 - class_scores(task, logits), rows.targets[task.name].long().numpy())


def _best_factor(task: Task, logits: Tensor, rows: Batch) -> float:
    """Return the factor of the logits with the lowest log loss; the loss is convex in it.

    One label more is spread over all classes: where no label is missed, sureness would have no bound.
    """
    if task.kind == "binary":
        logits = torch.cat([torch.zeros_like(logits), logits], dim=-1)
    target = rows.targets[task.name].long()
    extra = 1 / (len(target) + 1)
    own = (1 - extra) * logits.gather(1, target[:, None]).mean() + extra * logits.mean()
    low, high = _BLUNTEST, _SHARPEST
    factor = 1.0
    for _ in range(_STEPS):  # Newton's steps, halved into the part that holds the minimum
        shares = (factor * logits).softmax(-1)
        means = (shares * logits).sum(-1)
        slope = float(means.mean() - own)
        curvature = float(((shares * logits.square()).sum(-1) - means.square()).mean())
        low, high = (low, factor) if slope > 0 else (factor, high)
        wanted = factor - slope / max(curvature, 1e-12)
        step = wanted if low < wanted < high else (low + high) / 2
        if abs(step - factor) < 1e-6 * factor:
            break
        factor = step
    return factor
