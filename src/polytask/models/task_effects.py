r"""How a task differs from what all tasks share: a correction that is linear in a few features.

For task :math:`t` and output :math:`c` (one for numbers and two classes, one a class otherwise) the pooled
prediction :math:`f_c` becomes

.. math:: \eta_{tc}(x) = f_c(x) + \phi_c(x)^\top (\mu_c + L z_{tc}), \qquad z_{tc} \sim N(0, I),

with :math:`\phi_c(x) = (1, f_c(x), x_1, \dots)`, standardized. The prior :math:`(\mu, L L^\top)` is learned
from many tasks; what a task's own rows say is a Gaussian posterior of :math:`z_t`
(`polytask.models.task_posterior`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from polytask.core import InputError
from polytask.core.records import record_from_json

__all__ = ["EffectFeatures", "NoiseModel", "TaskPrior"]

_FARTHEST = 10.0  # standard deviations of a feature; an outlier moves no task farther


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EffectFeatures:
    """What the correction of a task is linear in.

    Args:
        columns: The encoded features that are used.
        scaled: Whether the pooled prediction is used, too: a task may be more or less of everything.
        centre: Of the outputs, then of the columns, float64 ``[n_outputs + column]``.
        scale: Their standard deviations.

    Raises:
        InputError: Sizes do not fit.

    Example:
        >>> centre = torch.zeros(2, dtype=torch.float64)
        >>> features = EffectFeatures(columns=(1,), scaled=True, centre=centre, scale=centre + 2)
        >>> features(torch.tensor([[7.0, 4.0]]), torch.tensor([[6.0]])).tolist()
        [[[1.0, 3.0, 2.0]]]
    """

    columns: tuple[int, ...]
    scaled: bool
    centre: Tensor
    scale: Tensor

    def __post_init__(self) -> None:
        if self.centre.shape != self.scale.shape or len(self.centre) <= len(self.columns):
            raise InputError("the features of the tasks' effects have constants of another size")
        if not bool((self.scale > 0).all()) or min(self.columns, default=0) < 0:
            raise InputError("the features of the tasks' effects have constants out of range")

    @property
    def n_outputs(self) -> int:
        """Outputs of the target."""
        return len(self.centre) - len(self.columns)

    @property
    def n_features(self) -> int:
        """How many numbers a correction is linear in."""
        return 1 + self.scaled + len(self.columns)

    def __call__(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """Return the features of rows, float64 ``[row, output, feature]``.

        Args:
            inputs: Encoded rows ``[row, column]``.
            outputs: Pooled predictions ``[row, output]``.
        """
        n_outputs = self.n_outputs
        standardized = (outputs.double() - self.centre[:n_outputs]) / self.scale[:n_outputs]
        columns = (inputs[:, list(self.columns)].double() - self.centre[n_outputs:]) / self.scale[n_outputs:]
        shared = columns.clamp(-_FARTHEST, _FARTHEST)[:, None].expand(-1, n_outputs, -1)
        parts = [torch.ones_like(standardized)[..., None], shared]
        if self.scaled:
            parts.insert(1, standardized[..., None])
        return torch.cat(parts, dim=-1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoiseModel:
    r"""The variance of numbers around their task's line: :math:`\exp(w^\top (1, f, f^2, x_1, \dots))`.

    Args:
        weights: float64 ``[3 + column]``; all but the first are 0 where the variance is the same everywhere.
        low: The least exponent that is believed.
        high: The greatest.

    Raises:
        InputError: They are out of range.
    """

    weights: Tensor
    low: float
    high: float

    def __post_init__(self) -> None:
        if self.weights.ndim != 1 or len(self.weights) < 3 or not -100 <= self.low <= self.high <= 100:
            raise InputError("the noise of the tasks has numbers out of range")

    def __call__(self, described: Tensor) -> Tensor:
        """Return the variance of rows, float64 ``[row]``, from `describe`."""
        return (described @ self.weights).clamp(self.low, self.high).exp()

    @staticmethod
    def describe(features: EffectFeatures, inputs: Tensor, outputs: Tensor) -> Tensor:
        """Put together what the variance hangs on, float64 ``[row, 3 + column]``."""
        standardized = (outputs.double() - features.centre[:1]) / features.scale[:1]  # [row, 1]
        limited = standardized.clamp(-_FARTHEST, _FARTHEST)
        columns = features(inputs, outputs)[:, 0, 1 + features.scaled :]
        return torch.cat([torch.ones_like(limited), limited, limited.square(), columns], dim=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskPrior:
    r"""What is known of a task before its first row.

    Args:
        features: What corrections are linear in.
        mean: :math:`\mu`, float64 ``[output, feature]``.
        factor: :math:`L`, float64 ``[feature, rank]``, the main directions last.
        noise: Of numbers; None for classes.

    Raises:
        InputError: Sizes do not fit.
    """

    features: EffectFeatures
    mean: Tensor
    factor: Tensor
    noise: NoiseModel | None = None

    def __post_init__(self) -> None:
        wanted = (self.features.n_outputs, self.features.n_features)
        if tuple(self.mean.shape) != wanted or self.factor.ndim != 2 or len(self.factor) != wanted[1]:
            raise InputError(f"the prior of the tasks has other sizes than its features, {wanted}")
        if self.noise is not None and len(self.noise.weights) != 3 + len(self.features.columns):
            raise InputError("the noise of the tasks has weights for other features")

    @property
    def rank(self) -> int:
        """Directions in which tasks differ, for each output."""
        return self.factor.shape[1]

    @property
    def size(self) -> int:
        """Numbers that describe a task."""
        return self.features.n_outputs * self.rank

    def shift(self, features: Tensor) -> Tensor:
        """Return how the mean of all tasks differs from the pooled prediction, ``[row, output]``."""
        return torch.einsum("ncq,cq->nc", features, self.mean)

    def directions(self, features: Tensor) -> Tensor:
        """Return the features of rows in the directions of the prior, ``[row, output, rank]``."""
        return features @ self.factor

    def variance(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """Return the variance of the noise, float64 ``[row]``; 1 for classes."""
        if self.noise is None:
            return torch.ones(len(inputs), dtype=torch.float64)
        return self.noise(NoiseModel.describe(self.features, inputs, outputs))

    def within(self, most: int) -> "TaskPrior":
        """Keep the main directions alone, so that a task is known by so many numbers at most."""
        rank = max(1, min(self.rank, int((most**0.5) // self.features.n_outputs)))
        return replace(self, factor=self.factor[:, self.rank - rank :])

    def to_json(self) -> dict[str, Any]:
        """Return what is no tensor as plain JSON."""
        noise = None if self.noise is None else {"low": self.noise.low, "high": self.noise.high}
        return {"columns": list(self.features.columns), "scaled": self.features.scaled, "noise": noise}

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors by name."""
        found = {"centre": self.features.centre, "scale": self.features.scale}
        found |= {"mean": self.mean, "factor": self.factor}
        return found if self.noise is None else found | {"noise": self.noise.weights}

    @classmethod
    def read(cls, data: Any, tensors: Mapping[str, Tensor]) -> Self:
        """Read what `to_json` and `tensors` gave.

        Raises:
            InputError: It is something else.
        """
        stored = record_from_json(_Stored, data, name="the prior of the tasks")
        needed = {"centre", "scale", "mean", "factor", *([] if stored.noise is None else ["noise"])}
        lacking = [name for name in needed if name not in tensors or tensors[name].dtype != torch.float64]
        if lacking:
            raise InputError(f"the prior of the tasks lacks {', '.join(sorted(lacking))}")
        features = EffectFeatures(
            columns=stored.columns, scaled=stored.scaled, centre=tensors["centre"], scale=tensors["scale"]
        )
        noise = None
        if stored.noise is not None:
            noise = NoiseModel(weights=tensors["noise"], **stored.noise)
        return cls(features=features, mean=tensors["mean"], factor=tensors["factor"], noise=noise)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    columns: tuple[int, ...]
    scaled: bool
    noise: Mapping[str, float] | None
