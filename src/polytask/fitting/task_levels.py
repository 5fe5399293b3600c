"""The simplest answer about tasks, and how right it is: a level for each task, or shares of its classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from polytask.data.tables.target_column import TargetColumn
from polytask.fitting.class_levels import ClassLevels
from polytask.fitting.level_prior import LevelPrior
from polytask.fitting.new_task_scores import RowPredictions, normal_predictions
from polytask.models.known_rows import KnownRows

__all__ = ["TaskLevels"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskLevels:
    """What some tasks say of levels of numbers, or of shares of classes.

    Args:
        targets: What is predicted.
        numbers: Of each target of numbers.
        classes: Of a target of classes; None for numbers.
    """

    targets: Sequence[TargetColumn]
    numbers: tuple[LevelPrior, ...] = ()
    classes: ClassLevels | None = None

    @classmethod
    def of(cls, targets: Sequence[TargetColumn], rows: KnownRows, *, own: bool = False) -> "TaskLevels":
        """Estimate it.

        Args:
            targets: What is predicted.
            rows: Of the tasks.
            own: Whether each task has classes of its own.
        """
        labels, task = rows.labels.double().numpy(), rows.task.numpy()
        if targets[0].task.kind == "regression":
            return cls(targets=targets, numbers=tuple(LevelPrior.of(column, task) for column in labels.T))
        codes, n_classes = labels[:, 0].astype(np.int64), len(targets[0].classes)
        return cls(targets=targets, classes=ClassLevels.of(codes, task, n_classes, own=own))

    def predictions(self, known: KnownRows, asked: KnownRows, numbers: np.ndarray | None) -> RowPredictions:
        """Answer rows by the known ones of their tasks, and judge that.

        Args:
            known: The known rows.
            asked: The rows to answer, with their labels.
            numbers: Labels of numbers in units of the columns, float64 ``[row, target]``; None for classes.
        """
        labels, task = known.labels.double().numpy(), known.task.numpy()
        of_asked, shape = asked.task.numpy(), (len(asked), len(self.targets))
        if self.classes is not None:
            codes, right = labels[:, 0].astype(np.int64), asked.labels[:, 0].long().numpy()
            n_classes = len(self.targets[0].classes)
            log_p = self.classes.log_probabilities(codes, task, of_asked, n_classes)
            return RowPredictions(
                error=(log_p.argmax(1) != right)[:, None].astype(float),
                log_density=log_p[np.arange(len(asked)), right],
                level=np.full(shape, np.nan),
            )
        assert numbers is not None  # noqa: S101 - there are no others
        error, level, density = np.zeros(shape), np.zeros(shape), np.zeros(len(asked))
        for index, (prior, target) in enumerate(zip(self.numbers, self.targets, strict=True)):
            mean, variance = prior.predictions(labels[:, index], task, of_asked)
            column = numbers[:, index]
            found, level[:, index] = normal_predictions(mean, variance, *target.standardized(column))
            density += found
            error[:, index] = (target.units(torch.from_numpy(mean)).numpy() - column) ** 2
        return RowPredictions(error=error, log_density=density, level=level)
