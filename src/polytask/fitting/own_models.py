"""The rival of a model of many tasks: a linear model of each task's own rows alone."""

from collections.abc import Mapping

import numpy as np
import torch

from polytask.fitting.task_data import TaskData, usual_scale
from polytask.fitting.task_trials import Draws, EffectRows, tried
from polytask.models.task_effects import EffectFeatures, NoiseModel, TaskPrior

__all__ = ["own_errors"]

_SLOPES = (0.0, 0.01, 0.1, 1.0)  # variances, of that of the noise and of standardized features
_LEVEL = 100.0  # that of the level: the mean of the task's rows counts for nearly all


def own_errors(data: TaskData, columns: tuple[int, ...], draws: Draws) -> Mapping[int, np.ndarray]:
    """Return the error of each task by number of known rows, with the penalty that is best for that number.

    A task without any row is answered by the mean, or the frequencies, of all labels. The penalty is chosen
    by the very rows that judge, in favour of the rival.

    Args:
        data: Rows of all tasks.
        columns: The features that are used.
        draws: Which rows are known, and which judge.
    """
    level = _constant(data)
    alone = TaskData(
        target=data.target, inputs=data.inputs, outputs=level, labels=data.labels, task=data.task
    )
    trials = [tried(alone, EffectRows.of(alone, _prior(alone, columns, slope)), draws) for slope in _SLOPES]
    return {n_rows: _lowest([one.errors[n_rows] for one in trials]) for n_rows in draws}


def _constant(data: TaskData) -> torch.Tensor:
    """Return what answers every row alike, ``[row, output]``."""
    n_rows = len(data.task)
    if data.target.kind == "regression":
        return data.labels.mean().expand(n_rows, 1).double()
    if data.target.kind == "binary":
        share = data.labels.double().mean().clamp(1e-6, 1 - 1e-6)
        return torch.logit(share).expand(n_rows, 1)
    counts = torch.bincount(data.labels.long(), minlength=data.target.n_outputs).double()
    return (counts / counts.sum()).clamp(min=1e-6).log().expand(n_rows, -1)


def _prior(data: TaskData, columns: tuple[int, ...], slope: float) -> TaskPrior:
    used = columns if slope else ()
    inputs = data.inputs[:, list(used)].double()
    n_outputs = data.target.n_outputs
    level = torch.zeros(n_outputs, dtype=torch.float64)
    features = EffectFeatures(
        columns=used,
        scaled=False,
        centre=torch.cat([level, inputs.mean(0)]),
        scale=torch.cat([level + 1, usual_scale(inputs)]),
    )
    numbers = data.target.kind == "regression"
    variances = torch.tensor([_LEVEL if numbers else 4.0, *[slope] * len(used)], dtype=torch.float64)
    noise = NoiseModel(weights=torch.zeros(3 + len(used), dtype=torch.float64), low=0, high=0)
    return TaskPrior(
        features=features,
        mean=torch.zeros(n_outputs, features.n_features, dtype=torch.float64),
        factor=torch.diag(variances.sqrt()),
        noise=noise if numbers else None,
    )


def _lowest(errors: list[np.ndarray]) -> np.ndarray:
    """Return the errors whose mean is lowest."""
    known = [one for one in errors if not np.isnan(one).all()]
    return min(known, key=lambda one: float(np.nanmean(one))) if known else errors[0]
