"""What held-out rows say of a model's certainty: how sharp probabilities are, how far answers lie off.

A *nonconformity score* says how badly a label fits a prediction: the distance of a number in units of the
row's difficulty, or one minus the probability of a class. Of each target the scores of the rows that its
networks did not see are kept; their quantile is the radius of intervals and sets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from polytask.core import InputError, Task
from polytask.core.records import record_from_json
from polytask.models.score_distribution import ScoreDistribution, few_units_note

__all__ = [
    "Calibration",
    "Difficulty",
    "TargetCalibration",
    "class_scores",
]

_VERSION = 1
_FARTHEST = 4.0  # standardized inputs beyond tell no more of difficulty


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Difficulty:
    r"""How far answers lie off in a row, as its features and the prediction tell: :math:`\exp(w^T f + b)`.

    Args:
        weights: Of the features, the prediction and its size, standardized, float64 ``[feature + 2]``.
        bias: The constant.
        low: The least exponent seen in fitting; nothing is easier.
        high: The greatest.

    Raises:
        InputError: They are no such numbers.
    """

    weights: np.ndarray
    bias: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if self.weights.ndim != 1 or not -100 <= self.low <= self.high <= 100:
            raise InputError("a difficulty of the calibration has numbers out of range.")

    def __call__(self, inputs: Tensor, predictions: Tensor) -> np.ndarray:
        """Return the difficulty of rows, float64 ``[row]``.

        Args:
            inputs: Encoded features ``[row, feature]``.
            predictions: Standardized numbers ``[row]``.
        """
        exponents = self.description(inputs, predictions) @ self.weights + self.bias
        return np.exp(exponents.clip(self.low, self.high))

    @staticmethod
    def description(inputs: Tensor, predictions: Tensor) -> np.ndarray:
        """Put together what tells of difficulty, float64 ``[row, feature + 2]``."""
        parts = [inputs.double(), predictions.double()[:, None], predictions.double().abs()[:, None]]
        return torch.cat([part.cpu() for part in parts], dim=1).clamp(-_FARTHEST, _FARTHEST).numpy()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetCalibration:
    """What held-out rows say of a target.

    Args:
        temperature: By which logits are divided.
        scores: Of held-out rows; None without any.
        difficulty: Tells easy rows from hard ones; None where all are alike, and for classes.

    Raises:
        InputError: The temperature is not above 0.
    """

    temperature: float = 1.0
    scores: ScoreDistribution | None = None
    difficulty: Difficulty | None = None

    def __post_init__(self) -> None:
        if not 1e-3 <= self.temperature <= 1e3:
            raise InputError(f"a temperature of the calibration is {self.temperature}.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """What held-out rows say of a model's certainty.

    Args:
        targets: By name.
        together: For rows with a label of every target the largest of their ranks among each target's scores;
            None without such rows.
        by_group: Whether a unit is a group.
    """

    targets: Mapping[str, TargetCalibration]
    together: ScoreDistribution | None = None
    by_group: bool = False

    def sharpen(self, task: Task, predictions: Tensor) -> Tensor:
        """Divide logits by the temperature, in 64 bits, so that no two become equal; leave numbers alone."""
        found = self.targets.get(task.name)
        if task.kind == "regression" or found is None or found.temperature == 1:
            return predictions
        return predictions.double() / found.temperature

    def radii(self, level: float, *, joint: bool) -> tuple[dict[str, float], list[str]]:
        """Return the radius of every target, and what people should know about it.

        Args:
            level: The share of rows whose label shall lie inside.
            joint: Whether that is the share of rows in which all labels do. Where rows with every label are
                too few, each target gets a level so high that they are so together in any case (Bonferroni).

        Raises:
            InputError: A target has no held-out label.
        """
        distributions = {name: found.scores for name, found in self.targets.items()}
        empty = [name for name, found in distributions.items() if found is None]
        if empty:
            raise InputError(
                f"There is no interval for {', '.join(map(repr, empty))}: no held-out row of the fit has a "
                "label. Label more rows, and fit again."
            )
        known = {name: found for name, found in distributions.items() if found is not None}
        together = self.together
        if joint and len(known) > 1:
            shared = 1 - (1 - level) / len(known)
            enough = all(found.reaches(shared) for found in known.values())
            if together is not None and (together.reaches(level) or not enough):
                rank = together.radius(level)
                radii = {name: found.at_share(rank * found.n_units) for name, found in known.items()}
                few = [] if together.reaches(level) else [f"all targets together ({together.n_units:.0f})"]
                return radii, self._notes(few, level)
            level = shared
        few = [f"{name!r} ({found.n_units:.0f})" for name, found in known.items() if not found.reaches(level)]
        return {name: found.radius(level) for name, found in known.items()}, self._notes(few, level)

    def _notes(self, few: Sequence[str], level: float) -> list[str]:
        if not few:
            return []
        return [few_units_note(few, level, "groups" if self.by_group else "rows")]

    def to_json(self) -> dict[str, Any]:
        """Return what is no tensor as plain JSON."""
        entries = []
        for name, found in self.targets.items():
            difficulty, how = found.difficulty, None
            if difficulty is not None:
                how = {"bias": difficulty.bias, "low": difficulty.low, "high": difficulty.high}
            entries.append({"target": name, "temperature": found.temperature, "difficulty": how})
        return {"version": _VERSION, "by_group": self.by_group, "targets": entries}

    def tensors(self) -> dict[str, Tensor]:
        """Return scores and weights by name; targets are numbered, as in `to_json`."""
        arrays: dict[str, np.ndarray] = {}
        for index, found in enumerate(self.targets.values()):
            arrays |= _named(f"{index}", found.scores)
            if found.difficulty is not None:
                arrays[f"{index}.weights"] = found.difficulty.weights
        arrays |= _named("together", self.together)
        return {name: torch.from_numpy(values) for name, values in arrays.items()}

    @classmethod
    def read(
        cls, data: Any, tensors: Mapping[str, Tensor], *, names: Sequence[str], n_features: int
    ) -> "Calibration":
        """Read what `to_json` and `tensors` gave, for a model of these targets and features.

        Raises:
            InputError: It is something else, or of another version.
        """
        stored = record_from_json(_Stored, data, name="the calibration")
        if stored.version != _VERSION:
            raise InputError(f"the calibration has version {stored.version}, but {_VERSION} is read")
        entries = [record_from_json(_StoredTarget, entry, name="a calibration") for entry in stored.targets]
        if [entry.target for entry in entries] != list(names):
            raise InputError("the calibration has other targets than the model")
        arrays = {name: values.numpy() for name, values in tensors.items()}
        targets = {}
        for index, entry in enumerate(entries):
            difficulty = None
            if entry.difficulty is not None:
                difficulty = Difficulty(
                    weights=arrays.pop(f"{index}.weights", np.empty((0, 0))), **entry.difficulty
                )
                if len(difficulty.weights) != n_features + 2:
                    raise InputError(f"the difficulty of {entry.target!r} has weights for other features")
            targets[entry.target] = TargetCalibration(
                temperature=entry.temperature,
                scores=_distribution(f"{index}", arrays),
                difficulty=difficulty,
            )
        together = _distribution("together", arrays)
        if arrays:
            raise InputError(f"the calibration does not know {', '.join(map(repr, list(arrays)[:5]))}")
        return cls(targets=targets, together=together, by_group=stored.by_group)


def class_scores(task: Task, predictions: Tensor) -> np.ndarray:
    """Return one minus the probability of every class, float64 ``[row, class]``, of logits."""
    logits = predictions.double()
    if task.kind == "binary":
        logits = torch.cat([torch.zeros_like(logits), logits], dim=-1)
    return 1 - logits.softmax(-1).cpu().numpy()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    version: int
    by_group: bool
    targets: tuple[dict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredTarget:
    target: str
    temperature: float
    difficulty: Mapping[str, float] | None


def _named(name: str, found: ScoreDistribution | None) -> dict[str, np.ndarray]:
    return {} if found is None else {f"{name}.scores": found.scores, f"{name}.shares": found.shares}


def _distribution(name: str, arrays: dict[str, np.ndarray]) -> ScoreDistribution | None:
    """Take a distribution out of the arrays; None if it is not there."""
    if f"{name}.scores" not in arrays:
        return None
    shares = arrays.pop(f"{name}.shares", np.empty(0))
    return ScoreDistribution(scores=arrays.pop(f"{name}.scores"), shares=shares)
