"""The pooled model with linear effects of each task, as a candidate among learners of small tasks."""

import warnings
from dataclasses import replace

import numpy as np

from polytask.core import InputError
from polytask.fitting.fit_settings import FitSettings
from polytask.fitting.judged_rows import judged_classes
from polytask.fitting.new_task_scores import RowPredictions
from polytask.fitting.task_candidate import Cuts, NotJudged, TaskCandidate
from polytask.fitting.task_learner_table import FoldOfTasks, TaskLearnerTable
from polytask.fitting.task_table_fit import fit_task_table
from polytask.models.task_table_model import TaskTableModel

__all__ = ["Mixed"]


class Mixed(TaskCandidate):
    """A pooled model with linear effects of each task, as `polytask.fit` learns it with a task column.

    Args:
        settings: Of the fit.
        column: The task column.
    """

    def __init__(self, settings: FitSettings, column: str) -> None:
        self.settings = settings
        self.column = column

    def predictions(
        self, table: TaskLearnerTable, fold: FoldOfTasks, cuts: Cuts, *, seed: int
    ) -> tuple[dict[int, RowPredictions], int]:
        """See `TaskCandidate.predictions`."""
        settings = replace(self.settings, seed=seed % 2**31, progress=False, baselines=False)
        answered = _mixed_classes if table.reader.of_classes else _mixed_numbers
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what there is to say of the table is said of all of it
            try:
                model = fit_task_table(table.frame.iloc[fold.train], table.columns, settings, self.column)
                found = {
                    n: answered(model, table, known, asked)
                    if len(asked)
                    else RowPredictions.none(len(table.reader.targets))
                    for n, (known, asked) in cuts.items()
                }
            except InputError as error:
                raise NotJudged from error
        return found, 0


def _mixed_numbers(
    model: TaskTableModel, table: TaskLearnerTable, known: np.ndarray, asked: np.ndarray
) -> RowPredictions:
    adapted = model.adapt(table.frame.iloc[known]) if len(known) else model
    numbers = table.numbers(asked)
    answers = adapted.predict(table.frame.iloc[asked], log_density=True)
    names = table.reader.names
    if lacking := [name for name in names if f"{name}:log_density" not in answers]:
        raise InputError(f"no density of {lacking[0]!r} is told")
    return RowPredictions(
        error=(answers[list(names)].to_numpy(float) - numbers) ** 2,
        log_density=answers[[f"{name}:log_density" for name in names]].to_numpy(float).sum(1),
        level=np.full(numbers.shape, np.nan),
    )


def _mixed_classes(
    model: TaskTableModel, table: TaskLearnerTable, known: np.ndarray, asked: np.ndarray
) -> RowPredictions:
    """Answer with classes; of those that the fold does not have, none is known, and the probability is 0."""
    target, codes = table.reader.target, table.known.labels[:, 0].long().numpy()
    theirs = [target.classes.index(name) for name in model.targets[0].classes]
    known = known[np.isin(codes[known], theirs)]
    adapted = model.adapt(table.frame.iloc[known]) if len(known) else model
    answers = adapted.predict(table.frame.iloc[asked])
    shares = np.zeros((len(asked), len(target.classes)))
    shares[:, theirs] = answers[
        [f"{target.task.name}:p({name})" for name in model.targets[0].classes]
    ].to_numpy(float)
    right = codes[asked]
    with np.errstate(divide="ignore"):
        log_p = np.log(shares[np.arange(len(asked)), right])
    return judged_classes(log_p, shares.argmax(1) != right)
