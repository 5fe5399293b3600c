"""The forms of prior that a target's tasks may have, and how each is learned from known tasks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from polytask.fitting.class_prior import class_prior
from polytask.fitting.gaussian_prior import GaussianPrior, TaskSums, climbed_together, start_prior
from polytask.fitting.row_noise import fit_noise
from polytask.fitting.task_data import TaskData, usual_scale
from polytask.models.task_effects import EffectFeatures, NoiseModel, TaskPrior

__all__ = ["Candidate", "candidates_for", "learned_priors", "slope_columns"]

_MOST_COLUMNS = 24
_MOST_CLASS_SIZE = 40  # numbers that describe a task of classes
_STEPS, _FURTHER_STEPS, _CLASS_STEPS = 40, 20, 20
_NOISE_ROUNDS = 3
_NEGLIGIBLE = 1e-4  # of what tasks differ by, which a direction must exceed to be kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A form of prior.

    Args:
        name: What results call it.
        effects: Whether tasks differ at all.
        scaled: Whether by the pooled prediction.
        slopes: Whether by features.
        moving: Whether the mean of all tasks is learned, beside the pooled prediction.
        full: Whether differences may hang together.
        noisy: Whether the noise hangs on the features.
    """

    name: str
    effects: bool = True
    scaled: bool = False
    slopes: bool = False
    moving: bool = False
    full: bool = False
    noisy: bool = False


_SCALE = Candidate(name="level and scale", scaled=True)
_SLOPES = Candidate(name="slopes", scaled=True, slopes=True)
_FORMS = (
    _SLOPES,
    replace(_SLOPES, name="slopes with a mean", moving=True),
    replace(_SLOPES, name="slopes that hang together", full=True),
    replace(_SLOPES, name="slopes with a mean that hang together", moving=True, full=True),
)
_CANDIDATES = (
    Candidate(name="none", effects=False),
    Candidate(name="level"),
    _SCALE,
    *_FORMS[:2],
    replace(_SCALE, name="level and scale that hang together", full=True),
    *_FORMS[2:],
    *(replace(form, name=f"{form.name}, noise by row", noisy=True) for form in _FORMS),
)
_OF_CLASSES = _CANDIDATES[:5]


def candidates_for(data: TaskData, n_columns: int) -> tuple[Candidate, ...]:
    """Return the forms that may fit a target whose tasks may differ in the slopes of so many features."""
    found = _CANDIDATES if data.target.kind == "regression" else _OF_CLASSES
    if not n_columns:
        return tuple(one for one in found if not one.slopes)
    return found


def slope_columns(data: TaskData) -> tuple[int, ...]:
    """Choose the features whose slopes differ most between tasks, by a score test of their variance."""
    inputs = data.inputs.double()
    usable = (inputs != inputs[:1]).any(0).nonzero().squeeze(1).tolist()
    most = _MOST_COLUMNS
    if data.target.kind == "multiclass":
        most = min(most, _MOST_CLASS_SIZE // data.target.n_outputs - 2)
    if len(usable) <= most:
        return tuple(usable)
    if most <= 0:
        return ()
    columns = (inputs[:, usable] - inputs[:, usable].mean(0)) / usual_scale(inputs[:, usable])
    left = _left_of_level(data)
    n_tasks = data.n_tasks
    crossed = columns.new_zeros(n_tasks, len(usable)).index_add_(0, data.task, columns * left[:, None])
    squares = columns.new_zeros(n_tasks, len(usable)).index_add_(0, data.task, columns.square())
    expected = squares * left.square().mean()
    score = (crossed.square() - expected).sum(0) / (2 * expected.square()).sum(0).clamp(min=1e-12).sqrt()
    return tuple(sorted(usable[index] for index in score.topk(most).indices.tolist()))


def _left_of_level(data: TaskData) -> Tensor:
    """Return the mean residual of each row, less its task's mean."""
    if data.target.kind == "regression":
        left = data.labels - data.outputs[:, 0]
    elif data.target.kind == "binary":
        left = data.labels.double() - data.outputs[:, 0].sigmoid()
    else:
        chosen = data.outputs.softmax(-1).gather(1, data.labels.long()[:, None]).squeeze(1)
        left = 1 - chosen
    means = torch.bincount(data.task, left) / torch.bincount(data.task).clamp(min=1)
    return left - means[data.task]


def learned_priors(
    parts: Sequence[TaskData], candidates: Sequence[Candidate], columns: tuple[int, ...]
) -> list[list[TaskPrior] | None]:
    """Learn the prior of each candidate from each part of the tasks, such as what a fold leaves.

    A harder candidate starts where an easier one ended.

    Args:
        parts: Rows of one target.
        candidates: The forms.
        columns: Of the features whose slopes may differ.

    Returns:
        By candidate, the prior of each part; None where tasks do not differ.
    """
    ended: dict[tuple[bool, ...], list[GaussianPrior]] = {}
    found: list[list[TaskPrior] | None] = []
    for candidate in candidates:
        if not candidate.effects:
            found.append(None)
            continue
        features = [_features(data, candidate, columns) for data in parts]
        if parts[0].target.kind == "regression":
            found.append(_of_numbers(parts, candidate, features, ended))
        else:
            found.append([_of_classes(*each, candidate) for each in zip(parts, features, strict=True)])
    return found


def _of_classes(data: TaskData, features: EffectFeatures, candidate: Candidate) -> TaskPrior:
    values = features(data.inputs, data.outputs)
    mean, factor = class_prior(
        data.target.kind, values, data.outputs, data.labels, data.task,
        n_steps=_CLASS_STEPS, moving=candidate.moving,
    )  # fmt: skip
    return TaskPrior(features=features, mean=mean, factor=_cut(factor, values))


def _features(data: TaskData, candidate: Candidate, columns: tuple[int, ...]) -> EffectFeatures:
    used = columns if candidate.slopes else ()
    values = torch.cat([data.outputs, data.inputs[:, list(used)].double()], dim=1)
    return EffectFeatures(
        columns=used,
        scaled=candidate.scaled,
        centre=values.mean(0),
        scale=usual_scale(values),
    )


def _of_numbers(
    parts: Sequence[TaskData],
    candidate: Candidate,
    features: Sequence[EffectFeatures],
    ended: dict[tuple[bool, ...], list[GaussianPrior]],
) -> list[TaskPrior]:
    folds = [_Fold(data, one) for data, one in zip(parts, features, strict=True)]
    form = (candidate.scaled, candidate.slopes, candidate.moving, candidate.full)
    plain = (candidate.scaled, candidate.slopes, False, False)
    how = {"diagonal": not candidate.full, "moving": candidate.moving}
    if form not in ended:
        start = ended.get(plain) or [fold.start() for fold in folds]
        ended[form] = climbed_together(start, [fold.sums() for fold in folds], n_steps=_STEPS, **how)
    priors = ended[form]
    for _ in range(_NOISE_ROUNDS if candidate.noisy else 0):
        for fold, prior in zip(folds, priors, strict=True):
            fold.learn_noise(prior)
        started = [replace(prior, variance=1.0) for prior in priors]
        sums = [fold.sums() for fold in folds]
        priors = climbed_together(started, sums, n_steps=_FURTHER_STEPS, **how)
    return [fold.task_prior(prior) for fold, prior in zip(folds, priors, strict=True)]


class _Fold:
    """What numbers of a part of the tasks say of a prior, each row by the noise that it is taken to have.

    Args:
        data: The rows.
        features: What tasks differ by.
    """

    def __init__(self, data: TaskData, features: EffectFeatures) -> None:
        self.data, self.features = data, features
        self.values = features(data.inputs, data.outputs)[:, 0]  # [row, feature]
        self.residuals = data.labels - data.outputs[:, 0]
        self.weights = torch.ones_like(self.residuals)
        n_weights = 3 + len(features.columns)
        self.noise = NoiseModel(weights=torch.zeros(n_weights, dtype=torch.float64), low=0, high=0)

    def start(self) -> GaussianPrior:
        """Return a prior to start from."""
        return start_prior(self.values.shape[1], self.residuals)

    def sums(self) -> TaskSums:
        """Add up the rows of each task."""
        return TaskSums.of(self.values, self.residuals, self.weights, self.data.task, self.data.n_tasks)

    def learn_noise(self, prior: GaussianPrior) -> None:
        """Fit the noise to what a prior leaves, and weigh rows by it."""
        self.noise = fit_noise(
            prior, self.values, self.residuals, self.weights, self.data.task, self._described
        )
        self.weights = 1 / self.noise(self._described)

    def task_prior(self, prior: GaussianPrior) -> TaskPrior:
        """Return a prior in the form in which a model keeps it."""
        apart = float(np.log(prior.variance))
        weights = self.noise.weights.clone()
        weights[0] += apart
        return TaskPrior(
            features=self.features,
            mean=prior.mean[None],
            factor=_cut(prior.factor, self.values[:, None]),
            noise=NoiseModel(weights=weights, low=self.noise.low + apart, high=self.noise.high + apart),
        )

    @cached_property
    def _described(self) -> Tensor:
        return NoiseModel.describe(self.features, self.data.inputs, self.data.outputs)


def _cut(factor: Tensor, features: Tensor) -> Tensor:
    """Keep the directions in which tasks differ by more than next to nothing, in units of the output."""
    flat = features.flatten(0, 1)
    moment = factor.T @ (flat.T @ flat / len(flat)) @ factor
    values, vectors = torch.linalg.eigh(moment)
    kept = values > _NEGLIGIBLE * values.sum()
    if not bool(kept.any()):
        kept[-1] = True
    return factor @ vectors[:, kept]
