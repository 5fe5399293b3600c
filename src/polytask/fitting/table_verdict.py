"""What held-out predictions say of a model, also beside single-target models and a constant answer."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, Interval
from polytask.data.tables.target_column import TargetColumn
from polytask.evaluate import gain, metric_names
from polytask.evaluate.constant import constant_predictor
from polytask.evaluate.jackknife import (
    interval_of_blocks,
    jackknife_interval,
    p_values_of,
    row_blocks,
)
from polytask.evaluate.metrics import TaskMetrics, all_predictions
from polytask.evaluate.skill import row_leads
from polytask.evaluate.target_metrics import measure_target
from polytask.fitting.table_preparation import PreparedTable
from polytask.models.table_results import TaskResult

__all__ = [
    "Answers",
    "HeldOutRows",
    "averaged_gain",
    "constant_predictions",
    "judge",
    "judged_rows",
    "mean_gain",
]

Answers = Mapping[str, Tensor]
"""By target, held-out predictions ``[row, n_outputs]``; NaN where a row was not judged."""


def constant_predictions(prepared: PreparedTable) -> dict[str, Tensor]:
    """Answer every held-out row by the mean, or the class frequencies, of its fold's training rows."""
    answers = {
        task.name: torch.full((len(prepared.rows), task.n_outputs), torch.nan, dtype=torch.float64)
        for task in prepared.tasks
    }
    for fold in prepared.repeats[0]:
        train = prepared.rows.rows(torch.from_numpy(fold.train))
        learned = [task for task in prepared.tasks if train.n_labels(task.name)]
        held_out = torch.from_numpy(fold.held_out)
        constants = all_predictions(constant_predictor(learned, train), prepared.rows.rows(held_out))
        for name, values in constants.items():
            answers[name][held_out] = values
    return answers


def judge(
    prepared: PreparedTable, joint: Answers, baseline: Answers, constant: Answers, *, seed: int
) -> tuple[TaskResult, ...]:
    """Measure held-out predictions target by target, and say where joint training helped.

    Intervals are those of `jackknife_interval`, over blocks of rows, groups or stretches of time; verdicts
    are adjusted for the number of targets (Holm).
    """
    blocks = row_blocks(len(prepared.rows), groups=prepared.groups, order=prepared.times, seed=seed)
    found = [HeldOutRows(target, prepared, blocks) for target in prepared.targets]
    gains = {one.task.name: one.gain(joint, baseline) for one in found}
    p_values = p_values_of(gains)
    results = []
    for one in found:
        name = one.task.name
        metrics, undefined = one.metrics(joint)
        results.append(
            TaskResult(
                task=name,
                kind=one.target.kind,
                metric=metric_names(one.task)[0],
                joint=metrics,
                baseline=one.metrics(baseline)[0],
                gain=gains[name],
                p_value=p_values[name],
                constant=one.most_probable().metrics(constant)[0],
                better_than_constant=one.ahead(joint),
                undefined=undefined,
            )
        )
    return tuple(results)


def mean_gain(prepared: PreparedTable, joint: Answers, baseline: Answers, *, seed: int) -> Interval | None:
    """Return Δm: the gain of joint training, averaged over targets, with its interval; None without."""
    if any(task.name not in baseline for task in prepared.tasks):
        return None
    blocks = row_blocks(len(prepared.rows), groups=prepared.groups, order=prepared.times, seed=seed)
    judges = [HeldOutRows(target, prepared, blocks) for target in prepared.targets]
    return averaged_gain(judges, joint, baseline)


def averaged_gain(judges: "Sequence[HeldOutRows]", joint: Answers, baseline: Answers) -> Interval | None:
    """Return the gain averaged over targets, each with its judge; None where one is not known."""

    def average(rows: np.ndarray) -> float:
        return sum(one.gain_of(joint, baseline, rows) for one in judges) / len(judges)

    return jackknife_interval(average, judges[0].blocks)


class HeldOutRows:
    """What held-out rows with a label say of models of one target.

    Args:
        target: The target.
        prepared: The table.
        blocks: The block of every row, see `row_blocks`.
    """

    def __init__(self, target: TargetColumn, prepared: PreparedTable, blocks: np.ndarray) -> None:
        self.target, self.task, self.prepared, self.blocks = target, target.task, prepared, blocks
        # Without features, which nothing here looks at: they would be copied for each block that is left out.
        self.rows = replace(prepared.rows.only([self.task.name]), inputs=torch.zeros(len(blocks), 0))
        self.labelled = prepared.rows.masks[self.task.name].reshape(len(blocks)).numpy()

    def most_probable(self) -> "HeldOutRows":
        """Return the same for answers that no class weights decide: a constant's would be a tie."""
        return HeldOutRows(replace(self.target, class_weights=()), self.prepared, self.blocks)

    def metrics(self, predictions: Answers) -> tuple[dict[str, Interval], dict[str, int]]:
        """Return each metric with its interval, and how many of its parts are undefined."""
        if self.task.name not in predictions:
            return {}, {}
        usable = self._usable(predictions)
        if not usable.any():
            return {}, {}
        whole = self._measured(predictions, usable)
        names = np.unique(self.blocks[usable])
        left = (
            [self._measured(predictions, usable & (self.blocks != name)) for name in names]
            if len(names) > 1
            else []
        )
        intervals = {}
        for name in metric_names(self.task):
            interval = interval_of_blocks(whole[name], [metrics[name] for metrics in left])
            if interval is not None:
                intervals[name] = interval
        return intervals, dict(whole.undefined)

    def gain(self, joint: Answers, baseline: Answers) -> Interval | None:
        """Return the gain in percent, paired row by row; None where it is not known."""
        if self.task.name not in baseline:
            return None
        usable = self._usable(joint) & self._usable(baseline)
        if not usable.any():
            return None

        def figure(rows: np.ndarray) -> float:
            everything = np.zeros(len(self.blocks), dtype=bool)
            everything[np.flatnonzero(usable)[rows]] = True
            return self.gain_of(joint, baseline, everything)

        return jackknife_interval(figure, self.blocks[usable])

    def gain_of(self, joint: Answers, baseline: Answers, rows: np.ndarray) -> float:
        """Return the gain on some rows."""
        usable = rows & self._usable(joint) & self._usable(baseline)
        if not usable.any():
            return math.nan
        first = metric_names(self.task)[:1]
        ours, theirs = (self._measured(side, usable, first) for side in (joint, baseline))
        return gain(self.task, ours, theirs)

    def ahead(self, joint: Answers) -> bool | None:
        """Tell whether the model is better than a constant beyond doubt, by its losses or its decisions.

        The constant is the best one for these very rows. That of a fold's training rows would be too easy to
        beat: where classes are even, the one that is rarer in a fold is the commoner in the rest.
        """
        usable = self._usable(joint)
        if not usable.any():
            return None
        kept = self.rows.rows(torch.from_numpy(usable))
        name, blocks = self.task.name, self.blocks[usable]
        ours = joint[name][torch.from_numpy(usable)].double()
        theirs = all_predictions(constant_predictor([self.task], kept), kept)[name]
        leads = row_leads(self.task, ours, theirs, kept)
        for values in (leads.loss.numpy(), leads.right.numpy()):
            if len(values):
                interval = jackknife_interval(lambda rows, values=values: float(values[rows].mean()), blocks)
                if interval is not None and interval.low > 0:
                    return True
        return False

    def _usable(self, answers: Answers) -> np.ndarray:
        return self.labelled & ~answers[self.task.name].isnan().any(-1).numpy()

    def _measured(
        self, answers: Answers, rows: np.ndarray, names: Sequence[str] | None = None
    ) -> TaskMetrics:
        kept = torch.from_numpy(rows)
        predictions = answers[self.task.name][kept].double()
        return measure_target(self.target, predictions, self.rows.rows(kept), names=names)


def judged_rows(rows: Batch, predictions: Sequence[Answers]) -> int:
    """Count the rows that any target was judged on."""
    judged = np.zeros(len(rows), dtype=bool)
    for answer in predictions:
        for values in answer.values():
            judged |= ~values.isnan().any(-1).numpy()
    return int(judged.sum())
