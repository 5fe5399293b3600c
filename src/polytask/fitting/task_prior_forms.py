"""The forms of prior that a target's tasks may have, and how each is learned from known tasks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from polytask.fitting.class_prior import class_prior
from polytask.fitting.gaussian_prior import GaussianPrior, TaskSums, climbed, fit_noise, start_prior
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
    data: TaskData, candidates: Sequence[Candidate], columns: tuple[int, ...]
) -> list[TaskPrior | None]:
    """Learn the prior of each candidate; a harder one starts where an easier one ended."""
    ended: dict[tuple[bool, ...], GaussianPrior] = {}
    found: list[TaskPrior | None] = []
    for candidate in candidates:
        if not candidate.effects:
            found.append(None)
            continue
        features = _features(data, candidate, columns)
        if data.target.kind == "regression":
            found.append(_of_numbers(data, candidate, features, ended))
        else:
            values = features(data.inputs, data.outputs)
            mean, factor = class_prior(
                data.target.kind, values, data.outputs, data.labels, data.task,
                n_steps=_CLASS_STEPS, moving=candidate.moving,
            )  # fmt: skip
            found.append(TaskPrior(features=features, mean=mean, factor=_cut(factor, values)))
    return found


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
    data: TaskData,
    candidate: Candidate,
    features: EffectFeatures,
    ended: dict[tuple[bool, ...], GaussianPrior],
) -> TaskPrior:
    values = features(data.inputs, data.outputs)[:, 0]
    residuals = data.labels - data.outputs[:, 0]
    weights = torch.ones_like(residuals)
    sums = TaskSums.of(values, residuals, weights, data.task, data.n_tasks)
    form = (candidate.scaled, candidate.slopes, candidate.moving, candidate.full)
    plain = (candidate.scaled, candidate.slopes, False, False)
    how = {"diagonal": not candidate.full, "moving": candidate.moving}
    if form not in ended:
        start = ended.get(plain) or start_prior(values.shape[1], residuals)
        ended[form] = climbed(start, sums, n_steps=_STEPS, **how)
    prior = ended[form]
    noise = NoiseModel(weights=torch.zeros(3 + len(features.columns), dtype=torch.float64), low=0, high=0)
    if candidate.noisy:
        described = NoiseModel.describe(features, data.inputs, data.outputs)
        for _ in range(_NOISE_ROUNDS):
            noise = fit_noise(prior, values, residuals, weights, data.task, described)
            weights = 1 / noise(described)
            sums = TaskSums.of(values, residuals, weights, data.task, data.n_tasks)
            prior = climbed(replace(prior, variance=1.0), sums, n_steps=_FURTHER_STEPS, **how)
    scaled = noise.weights.clone()
    scaled[0] += np.log(prior.variance)
    apart = float(np.log(prior.variance))
    return TaskPrior(
        features=features,
        mean=prior.mean[None],
        factor=_cut(prior.factor, values[:, None]),
        noise=NoiseModel(weights=scaled, low=noise.low + apart, high=noise.high + apart),
    )


def _cut(factor: Tensor, features: Tensor) -> Tensor:
    """Keep the directions in which tasks differ by more than next to nothing, in units of the output."""
    flat = features.flatten(0, 1)
    moment = factor.T @ (flat.T @ flat / len(flat)) @ factor
    values, vectors = torch.linalg.eigh(moment)
    kept = values > _NEGLIGIBLE * values.sum()
    if not bool(kept.any()):
        kept[-1] = True
    return factor @ vectors[:, kept]
