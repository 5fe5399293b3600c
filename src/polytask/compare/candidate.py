"""What takes part in a comparison: anything that is fitted on rows and predicts others."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from polytask.compare.search_space import Space
from polytask.compare.table_rows import TableRows
from polytask.core import Task, TrainingError

__all__ = ["Candidate", "Fitted", "Predictions", "Settings", "as_outputs", "as_predictions", "of_classes"]

Settings = Mapping[str, Any]
"""Settings of a fit by name; plain JSON."""

Predictions = Mapping[str, np.ndarray]
"""By target: numbers in standard deviations ``[row]``, or the probability of each class ``[row, class]``."""

_LEAST = 1e-6  # probability: a class that was never seen is not impossible


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A fitted candidate.

    Args:
        predict: From rows to predictions.
        out_of_fold: What parts of it that have not seen a row predict for each of the training rows, NaN
            where there is none; None where it does not know, and settings are judged by folds of their own.
    """

    predict: Callable[[TableRows], Predictions]
    out_of_fold: Predictions | None = None


class Candidate(ABC):
    """Takes part in a comparison.

    It gets the training part of a fold, and nothing of the rows that judge it. A candidate that is given to
    processes has to be one that `pickle` takes.

    Args:
        name: By which results name it.
        words: What sentences call it.
        per_target: Whether it is fitted on one target after the other.
        grids: Settings to choose from beside the usual ones: for numbers, and for classes.
        spaces: Between what a search chooses, as `compare` takes it: for numbers, and for classes; empty for
            the usual settings.
        defaults: The usual value of each setting that there is, for numbers and for classes; None if unknown.
        needs_tasks: Whether it is for tables with a task column, whose tasks are the groups of the rows.
        recipe: What `candidate_of_recipe` makes it of again in another process; None if nothing does.
    """

    name: str
    words: str
    per_target: bool = True
    grids: tuple[Sequence[Settings], Sequence[Settings]] = ((), ())
    spaces: tuple[Mapping[str, Any], Mapping[str, Any]] = MappingProxyType({}), MappingProxyType({})
    defaults: tuple[Settings, Settings] | None = None
    needs_tasks: bool = False
    recipe: Mapping[str, Any] | None = None

    @abstractmethod
    def fit(self, rows: TableRows, settings: Settings, *, seed: int) -> Fitted | None:
        """Fit the targets of some rows; None for targets that it cannot predict.

        Args:
            rows: The training part; with ``per_target`` of one target, and all of them labelled.
            settings: One of `options`.
            seed: Decides everything random.
        """

    def options(self, tasks: Sequence[Task], n: int) -> Sequence[Settings]:
        """Return at most ``n`` settings to choose from, the usual ones first."""
        return [{}, *self.grids[of_classes(tasks)]][:n]

    def check_space(self, space: Space) -> None:  # noqa: B027 - a hook
        """Look whether a space that was given has values that there are; takes everything, if not known.

        Raises:
            InputError: It has others.
        """


def of_classes(tasks: Sequence[Task]) -> bool:
    """Tell whether the settings are those for classes: where no target is a number."""
    return all(task.kind != "regression" for task in tasks)


def as_outputs(task: Task, predicted: np.ndarray, n_rows: int) -> Tensor:
    """Return a prediction as a network gives it, float32 ``[row, n_outputs]``: numbers or logits.

    Raises:
        TrainingError: It has another shape, or holds infinite numbers.
    """
    n_classes = {"regression": 1, "binary": 2}.get(task.kind, task.n_outputs)
    values = np.asarray(predicted, dtype=np.float64)
    if values.size != n_rows * n_classes:
        wanted = f"{n_rows} numbers" if n_classes == 1 else f"{n_rows} x {n_classes} probabilities"
        raise TrainingError(f"The prediction of {task.name!r} has shape {values.shape}, not {wanted}.")
    values = values.reshape(n_rows, n_classes)
    if not np.isfinite(values).all():
        raise TrainingError(f"The prediction of {task.name!r} is not finite in some rows.")
    if task.kind == "regression":
        return torch.from_numpy(values).float()
    shares = np.clip(values, _LEAST, None)
    logarithms = np.log(shares / shares.sum(1, keepdims=True))
    if task.kind == "binary":
        return torch.from_numpy(logarithms[:, 1:] - logarithms[:, :1]).float()
    return torch.from_numpy(logarithms).float()


def as_predictions(task: Task, outputs: Tensor) -> np.ndarray:
    """Return what a network gives as numbers ``[row]`` or probabilities ``[row, class]``, float64."""
    outputs = outputs.detach().double().cpu()
    if task.kind == "regression":
        return outputs[:, 0].numpy()
    if task.kind == "binary":
        outputs = torch.cat([torch.zeros_like(outputs), outputs], dim=-1)
    return outputs.softmax(-1).numpy()
