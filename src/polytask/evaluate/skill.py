"""Skill: what a model knows beyond a constant prediction, in a proper score, the same for every unit.

A proper score (squared error, log loss) is lowest for the true mean and the true probabilities. Accuracy is
none: with few positives it is highest for a model that never says yes, whatever its probabilities.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional

from polytask.core import Batch, Task
from polytask.evaluate.constant import constant_predictor
from polytask.evaluate.metrics import all_predictions

__all__ = ["ConstantReference", "TaskLead", "clearly_ahead", "row_leads", "row_losses"]

_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLead:
    """How far a model is ahead of the constant in every labelled row of a task; below 0 it is behind.

    Args:
        loss: float64 ``[row]``, in units of the constant's mean loss.
        right: float64 ``[row]``, share of right decisions; empty for a regression.
    """

    loss: Tensor
    right: Tensor


class ConstantReference:
    """The constant prediction of the training rows, against which a model is judged on held-out rows.

    Args:
        tasks: The tasks; each needs a label in ``train``.
        train: The rows whose means and class frequencies are the prediction.
        held_out: The rows to judge on.
    """

    def __init__(self, tasks: Sequence[Task], train: Batch, held_out: Batch) -> None:
        self.tasks = tuple(tasks)
        self.predictor = constant_predictor(tasks, train)
        self._held_out = held_out
        self._predictions = all_predictions(self.predictor, held_out)
        on_train = all_predictions(self.predictor, train)
        self._units = {
            task.name: max(float(row_losses(task, on_train[task.name], train).mean()), _TINY)
            for task in tasks
        }

    def skills(self, predictions: Mapping[str, Tensor], weights: Tensor | None = None) -> dict[str, float]:
        r"""Return the skill of every task that has a held-out label, in percent.

        .. math:: 100 \, (L_c - L_m) / U

        with the losses of constant and model on the held-out rows, and the unit :math:`U`: the constant's
        loss on the training rows, which is never 0, as that on few held-out rows may be.

        Args:
            predictions: By task, predictions for the held-out rows; see `all_predictions`.
            weights: How much each of these rows counts, ``[row]``; None for all alike.
        """
        found = {}
        for task in self.tasks:
            if self._held_out.n_labels(task.name):
                lead = self.lead(task, predictions[task.name]).loss
                if weights is None:
                    found[task.name] = 100 * float(lead.mean())
                else:
                    counts = weights[self._held_out.labelled(task.name)].to(lead)
                    found[task.name] = 100 * float((lead * counts).sum() / counts.sum())
        return found

    def lead(self, task: Task, predictions: Tensor) -> TaskLead:
        """Compare predictions for the held-out rows with the constant, row by row."""
        lead = row_leads(task, predictions, self._predictions[task.name], self._held_out)
        return TaskLead(loss=lead.loss / self._units[task.name], right=lead.right)


def row_leads(task: Task, predictions: Tensor, others: Tensor, data: Batch) -> TaskLead:
    """Compare predictions with others row by row; losses are in the task's own unit."""
    loss = row_losses(task, others, data) - row_losses(task, predictions, data)
    right = torch.empty(0, dtype=torch.float64)
    if task.kind != "regression":
        right = _right(task, predictions, data) - _right(task, others, data)
    return TaskLead(loss=loss, right=right)


def row_losses(task: Task, predictions: Tensor, data: Batch) -> Tensor:
    """Return the proper score of every labelled row, float64 ``[row]``; several outputs are averaged."""
    target, known = _cells(task, data)
    if task.kind == "multiclass":
        losses = functional.cross_entropy(predictions, target[:, 0].long(), reduction="none")[:, None]
    elif task.kind == "regression":
        losses = (predictions.reshape(target.shape) - target).square()
    else:
        logits = predictions.reshape(target.shape)
        losses = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return _row_means(losses, known)


def _right(task: Task, predictions: Tensor, data: Batch) -> Tensor:
    target, known = _cells(task, data)
    decided = task.decide(predictions).reshape(target.shape)
    return _row_means((decided == target).double(), known)


def _cells(task: Task, data: Batch) -> tuple[Tensor, Tensor]:
    """Return targets, 0 where there is no label, and where there is one: ``[example, output]``."""
    target = data.targets[task.name].cpu().double()
    target = target.reshape(len(target), -1)
    mask = data.masks.get(task.name)
    known = torch.ones_like(target, dtype=torch.bool)
    if mask is not None:
        known = mask.cpu().reshape(len(target), -1).expand_as(target)
    return torch.where(known, target, 0.0), known


def _row_means(values: Tensor, known: Tensor) -> Tensor:
    counts = known.sum(1)
    return (torch.where(known, values, 0.0).sum(1) / counts.clamp(min=1))[counts > 0]


def clearly_ahead(leads: Sequence[TaskLead], *, confidence: float = 0.95) -> bool:
    """Tell whether a model is better than the constant beyond doubt, by its losses or by its decisions.

    Every run is judged on the rows of its split by the interval of the mean (Student's t). Runs on splits
    of one table share rows: their means and errors are averaged, as if more runs brought no more rows.

    Args:
        leads: Of one task, for every run.
        confidence: Of the two-sided interval that has to lie above 0.
    """
    return any(_above_zero([getattr(lead, what) for lead in leads], confidence) for what in ("loss", "right"))


def _above_zero(runs: Sequence[Tensor], confidence: float) -> bool:
    runs = [values for values in runs if len(values) > 1]
    if not runs:
        return False
    mean = sum(float(values.mean()) for values in runs) / len(runs)
    error = sum(float(values.std()) / math.sqrt(len(values)) for values in runs) / len(runs)
    return mean > float(stats.t.ppf((1 + confidence) / 2, min(map(len, runs)) - 1)) * error
