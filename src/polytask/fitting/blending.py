"""How much each of several models counts for each target, by what they predict for held-out rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, Task
from polytask.data.tables.folds import Fold
from polytask.evaluate.skill import row_losses
from polytask.models.network_stack import weighted_prediction

__all__ = ["Blend", "blend"]

_PICKS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """The weights of models, and what their average predicts for held-out rows.

    Args:
        weights: For each target a weight for every model, with sum 1.
        predictions: For each target those of the average for held-out rows ``[row, n_outputs]``; the weights
            by which a fold is judged are those that the other folds choose.
    """

    weights: Mapping[str, tuple[float, ...]]
    predictions: Mapping[str, Tensor]


def blend(
    tasks: Sequence[Task], rows: Batch, candidates: Sequence[Mapping[str, Tensor]], folds: Sequence[Fold]
) -> Blend:
    """Choose weights for each target by greedy selection with replacement.

    Starting from nothing, the model whose addition lowers the loss of the average most is added, twelve
    times; the best average on the way is kept, and all models alike where none is better.

    Args:
        tasks: The targets.
        rows: The labelled rows.
        candidates: For each model its held-out predictions by target ``[row, n_outputs]``; NaN where a row is
            not judged.
        folds: The folds by which the average is judged.

    References:
        Rich Caruana, Alexandru Niculescu-Mizil, Geoff Crew, Alex Ksikes, "Ensemble Selection from Libraries
        of Models", ICML 2004.
    """
    weights: dict[str, tuple[float, ...]] = {}
    predictions: dict[str, Tensor] = {}
    for task in tasks:
        stacked = torch.stack([candidate[task.name] for candidate in candidates])  # [model, row, output]
        judged = ~stacked.isnan().any(-1).any(0)
        usable = judged & rows.masks[task.name].reshape(len(rows))
        one = rows.only([task.name])
        weights[task.name] = _chosen(task, stacked, one, usable)
        averaged = torch.full_like(stacked[0], torch.nan)
        for fold in folds:
            held_out = torch.from_numpy(fold.held_out)
            others = usable.clone()
            others[held_out] = False
            shares = _chosen(task, stacked, one, others)
            averaged[held_out] = _average(task, stacked[:, held_out], shares)
        predictions[task.name] = averaged
    return Blend(weights=weights, predictions=predictions)


def _chosen(task: Task, stacked: Tensor, rows: Batch, usable: Tensor) -> tuple[float, ...]:
    """Return the weights that the usable rows choose."""
    n_models = len(stacked)
    alike = (1 / n_models,) * n_models
    if n_models == 1 or not bool(usable.any()):
        return alike
    kept, answers = rows.rows(usable), stacked[:, usable].double()

    def loss(shares: Sequence[float]) -> float:
        return float(row_losses(task, _average(task, answers, shares), kept).mean())

    best, lowest = alike, loss(alike)
    counts = np.zeros(n_models)
    for _ in range(_PICKS):
        steps = [counts + (np.arange(n_models) == index) for index in range(n_models)]
        found = [loss(tuple(step / step.sum())) for step in steps]
        counts = steps[int(np.argmin(found))]
        if min(found) < lowest:
            best, lowest = tuple((counts / counts.sum()).tolist()), min(found)
    return best


def _average(task: Task, stacked: Tensor, shares: Sequence[float]) -> Tensor:
    used = [index for index, share in enumerate(shares) if share]
    return weighted_prediction(task, stacked[used], stacked.new_tensor([shares[index] for index in used]))
