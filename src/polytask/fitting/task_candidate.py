"""What can be tried on the folds of a table with many small tasks."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from polytask.fitting.new_task_scores import RowPredictions
from polytask.fitting.task_learner_table import FoldOfTasks, TaskLearnerTable

__all__ = ["Cuts", "NotJudged", "TaskCandidate"]

Cuts = Mapping[int, tuple[np.ndarray, np.ndarray]]
"""By how many rows of a task are known: the numbers of known and of asked rows in the table."""


class NotJudged(Exception):  # noqa: N818 - no error: the learner is left out of the choice
    """A learner tells no density, or cannot be trained, with so few tasks."""


class TaskCandidate(ABC):
    """A learner that can be tried on the folds of a table."""

    @abstractmethod
    def predictions(
        self, table: TaskLearnerTable, fold: FoldOfTasks, cuts: Cuts, *, seed: int
    ) -> tuple[dict[int, RowPredictions], int]:
        """Learn from the tasks of a fold and answer held-out ones: by number of known rows, and the steps.

        Raises:
            NotJudged: It tells no density with so few tasks.
        """
