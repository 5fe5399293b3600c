"""Metrics of rows that come piece by piece, as `measure_target` gives them for all at once."""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import Batch
from polytask.data.tables.number_sums import NumberSums
from polytask.data.tables.target_column import TargetColumn
from polytask.evaluate.metrics import TaskMetrics, measure, metric_names

__all__ = ["RunningMetrics"]

_AT_ONCE = 2**18  # rows


class RunningMetrics:
    """The metrics of a target, of which only counts and sums are kept; of two classes also every answer.

    Args:
        target: The target; what it measures is what `measure_target` does.

    Example:
        >>> from polytask.core import Task
        >>> target = TargetColumn(task=Task(name="y", kind="regression"), classes=())
        >>> running = RunningMetrics(target)
        >>> running.add(torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 4.0]), torch.tensor([True, True]))
        >>> round(running.result()["rmse"], 3)
        1.414
    """

    def __init__(self, target: TargetColumn) -> None:
        self.target, self.task = target, target.task
        self.n_rows = 0
        n_classes = max(self.task.n_outputs, 2)
        is_number = self.task.kind == "regression"
        self._pairs = np.zeros(0 if is_number else n_classes**2, dtype=np.int64)  # of label and answer
        self._labels, self._squares, self._distances = NumberSums(), 0.0, 0.0
        self._log_losses = self._brier = 0.0
        self._answers: list[np.ndarray] = []
        self._truths: list[np.ndarray] = []
        self._undefined = False

    def add(self, prediction: Tensor, labels: Tensor, known: Tensor) -> None:
        """Take more rows.

        Args:
            prediction: What networks give, ``[row, n_outputs]``.
            labels: As `TargetColumn.encode` gives them, ``[row]``.
            known: Where there is a label, bool ``[row]``.
        """
        prediction, labels = prediction[known].double(), labels[known]
        self.n_rows += len(labels)
        self._undefined = self._undefined or bool(prediction.isnan().any())
        if self.task.kind == "regression":
            truths = self._units(labels.double())
            errors = self._units(prediction[:, 0]) - truths
            self._labels.add(truths.numpy())
            self._squares += float(errors.square().sum())
            self._distances += float(errors.abs().sum())
            return
        if self.task.kind == "binary":
            self._answers.append(prediction[:, 0].numpy())
            self._truths.append(labels.numpy() > 0.5)
            prediction = torch.cat([torch.zeros_like(prediction), prediction], dim=-1)
        n_classes, codes = prediction.shape[1], labels.long()
        self._log_losses += float(functional.cross_entropy(prediction, codes, reduction="sum"))
        wanted = functional.one_hot(codes, n_classes)
        # Of two classes the one that is asked for, as `measure` has it.
        apart = (prediction.softmax(-1) - wanted).square()[:, 1 if self.task.kind == "binary" else 0 :]
        self._brier += float(apart.sum())
        answers = self._decided(prediction)
        pairs = torch.bincount(codes * n_classes + answers, minlength=len(self._pairs))
        self._pairs += pairs.numpy()

    def _units(self, values: Tensor) -> Tensor:
        """Turn numbers of a log scale into those of the column; others stay standardized."""
        return self.target.units(values) if self.target.log else values

    def _decided(self, logits: Tensor) -> Tensor:
        """Return the answers of logits ``[row, class]``, as class weights decide."""
        weights = torch.tensor(self.target.class_weights or (1.0,), dtype=torch.float64)
        decisive = logits + weights.log()
        if self.task.kind == "binary":  # a tie is no yes
            return (decisive[:, 1] > decisive[:, 0]).long()
        return decisive.argmax(-1)

    def result(self) -> TaskMetrics:
        """Return the metrics of all rows; NaN where one is not defined."""
        names = metric_names(self.task)
        if not self.n_rows:
            return TaskMetrics(dict.fromkeys(names, math.nan))
        if self.task.kind == "regression":
            parts = self._of_numbers()
        else:
            parts = self._of_classes(self._pairs.reshape(2 * (math.isqrt(len(self._pairs)),)))
        values, undefined = {}, {}
        for name in names:
            defined = [] if self._undefined else [part for part in parts[name] if not math.isnan(part)]
            values[name] = sum(defined) / len(defined) if defined else math.nan
            if len(defined) < len(parts[name]):
                undefined[name] = len(parts[name]) - len(defined)
        return TaskMetrics(values, undefined=undefined)

    def _of_numbers(self) -> dict[str, list[float]]:
        total = self._labels.squares
        varies = self.n_rows > 1 and total > 0
        scale = 1.0 if self.target.log else self.target.scale
        return {
            "rmse": [math.sqrt(self._squares / self.n_rows) * scale],
            "mae": [self._distances / self.n_rows * scale],
            "r2": [1 - self._squares / total if varies else math.nan],
        }

    def _of_classes(self, pairs: np.ndarray) -> dict[str, list[float]]:
        right, labelled, decided = pairs.diagonal(), pairs.sum(1), pairs.sum(0)
        f1 = [
            float(2 * hits / (truths + answers)) if truths + answers else math.nan
            for hits, truths, answers in zip(right, labelled, decided, strict=True)
        ]
        recalls = [
            float(hits / truths) if truths else math.nan for hits, truths in zip(right, labelled, strict=True)
        ]
        found = {
            "accuracy": [float(right.sum() / self.n_rows)],
            "balanced_accuracy": recalls,
            "f1": f1,
            "log_loss": [self._log_losses / self.n_rows],
            "brier": [self._brier / self.n_rows],
        }
        if self.task.kind == "binary":
            found |= {"f1": f1[1:], "auroc": [self._auroc()]}
            if "average_precision" in self.task.metrics:
                found["average_precision"] = [self._average_precision()]
        return found

    def _average_precision(self) -> float:
        """Ask for what needs all answers at once."""
        task = replace(self.task, metrics=("average_precision",))
        truths = torch.from_numpy(np.concatenate(self._truths)).double()
        data = Batch(inputs=torch.zeros(len(truths), 0), targets={task.name: truths})
        return measure(task, torch.from_numpy(np.concatenate(self._answers))[:, None], data)[
            "average_precision"
        ]

    def _auroc(self) -> float:
        """Return how often a positive's answer is above a negative's; a tie counts half."""
        truths = np.concatenate(self._truths)
        answers = np.concatenate(self._answers)
        positives, negatives = answers[truths], np.sort(answers[~truths])
        if not len(positives) or not len(negatives):
            return math.nan
        below = 0.0
        for start in range(0, len(positives), _AT_ONCE):
            part = positives[start : start + _AT_ONCE]
            below += float(np.searchsorted(negatives, part, side="left").sum())
            below += float(np.searchsorted(negatives, part, side="right").sum())
        return below / 2 / len(positives) / len(negatives)
