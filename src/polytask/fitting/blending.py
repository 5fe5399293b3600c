"""How much each of several models counts for each target, by what they predict for held-out rows.

A target with few labels chooses weights by luck. So its own choice is averaged with the one that is best for
all targets together, which counts as much as `PRIOR_LABELS` labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import Batch, Task
from polytask.data.tables.folds import Fold
from polytask.fitting.stacked_stopping import PRIOR_LABELS
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
    tasks: Sequence[Task],
    rows: Batch,
    candidates: Sequence[Mapping[str, Tensor]],
    folds: Sequence[Fold],
    *,
    together: bool = True,
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
        together: Whether targets with few labels follow the others.

    References:
        Rich Caruana, Alexandru Niculescu-Mizil, Geoff Crew, Alex Ksikes, "Ensemble Selection from Libraries
        of Models", ICML 2004.
    """
    stacked = [torch.stack([candidate[task.name] for candidate in candidates]) for task in tasks]
    errors = [_Errors.of(task, values, rows) for task, values in zip(tasks, stacked, strict=True)]
    together = together and len(tasks) > 1
    weights = _chosen(errors, None, together=together)
    averaged = [torch.full_like(values[0], torch.nan) for values in stacked]
    for fold in folds:
        held_out = torch.from_numpy(fold.held_out)
        shares = _chosen(errors, held_out, together=together)
        for task, values, average, own in zip(tasks, stacked, averaged, shares, strict=True):
            average[held_out] = _average(task, values[:, held_out], own)
    names = [task.name for task in tasks]
    return Blend(
        weights={name: tuple(own.tolist()) for name, own in zip(names, weights, strict=True)},
        predictions=dict(zip(names, averaged, strict=True)),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Errors:
    """What the loss of any average of models follows from.

    Args:
        numbers: Whether the target is a number.
        values: Float64 ``[model, usable row]``: what is missing to the label, or the label's probability.
        rows: Which rows these are.
    """

    numbers: bool
    values: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, task: Task, stacked: Tensor, rows: Batch) -> Self:
        """Compare predictions ``[model, row, output]`` with the labels, where there are both."""
        known = rows.masks[task.name].reshape(len(rows))
        usable = known & ~stacked.isnan().any(-1).any(0)
        answers, labels = stacked[:, usable].double(), rows.targets[task.name].reshape(len(rows))[usable]
        if task.kind == "regression":
            values = answers[..., 0] - labels
        elif task.kind == "binary":
            values = torch.sigmoid(answers[..., 0] * (2 * labels - 1))
        else:
            picked = labels.long().expand(len(answers), -1)[..., None]
            values = functional.softmax(answers, dim=-1).gather(-1, picked)[..., 0]
        return cls(
            numbers=task.kind == "regression", values=values.numpy(), rows=usable.nonzero()[:, 0].numpy()
        )

    def without(self, held_out: Tensor) -> Self:
        """Return those of other rows."""
        others = ~np.isin(self.rows, held_out.numpy())
        return type(self)(numbers=self.numbers, values=self.values[:, others], rows=self.rows[others])

    def losses(self, shares: np.ndarray) -> np.ndarray:
        """Return the mean loss ``[average]`` of averages with some shares ``[average, model]``."""
        averaged = shares @ self.values
        if self.numbers:
            return np.square(averaged).mean(1)
        return -np.log(np.maximum(averaged, np.finfo(float).tiny)).mean(1)


def _chosen(errors: Sequence[_Errors], held_out: Tensor | None, *, together: bool) -> list[np.ndarray]:
    """Return the weights ``[model]`` of each target that all rows but the held-out ones choose."""
    used = errors if held_out is None else [one.without(held_out) for one in errors]
    own = [_greedy([one]) for one in used]
    if not together:
        return own
    shared = _greedy(used)
    return [
        (len(one.rows) * shares + PRIOR_LABELS * shared) / (len(one.rows) + PRIOR_LABELS)
        for one, shares in zip(used, own, strict=True)
    ]


def _greedy(errors: Sequence[_Errors]) -> np.ndarray:
    """Select models for some targets; what is lowered is the mean of the logarithms of their losses."""
    n_models = len(errors[0].values)
    alike = np.full(n_models, 1 / n_models)
    labelled = [one for one in errors if len(one.rows)]
    if n_models == 1 or not labelled:
        return alike

    def scores(shares: np.ndarray) -> np.ndarray:
        losses = [np.maximum(one.losses(shares), np.finfo(float).tiny) for one in labelled]
        return np.log(losses).mean(0)

    best, lowest = alike, float(scores(alike[None])[0])
    counts = np.zeros(n_models)
    for _ in range(_PICKS):
        steps = counts + np.eye(n_models)
        values = scores(steps / steps.sum(1, keepdims=True))
        counts = steps[int(values.argmin())]
        if values.min() < lowest:
            best, lowest = counts / counts.sum(), float(values.min())
    return best


def _average(task: Task, stacked: Tensor, shares: np.ndarray) -> Tensor:
    used = [index for index, share in enumerate(shares) if share]
    return weighted_prediction(task, stacked[used], stacked.new_tensor(shares[used]))
