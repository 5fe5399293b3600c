"""What a report of a fit shows beside its figures: samples of held-out predictions, and what they tell."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import Task, generator
from polytask.data.tables.target_column import TargetColumn
from polytask.evaluate.constant import constant_predictor
from polytask.evaluate.jackknife import row_blocks
from polytask.evaluate.metrics import all_predictions
from polytask.evaluate.skill import row_losses
from polytask.fitting.held_out_networks import HeldOutNetworks
from polytask.fitting.table_ensemble_fit import TableFit
from polytask.fitting.table_preparation import PreparedTable
from polytask.fitting.table_verdict import Answers, HeldOutRows, constant_predictions
from polytask.fitting.training_curves import training_curves
from polytask.models.calibration import Calibration, class_scores
from polytask.models.class_counts import counted_classes
from polytask.models.report_details import (
    Miss,
    ReliabilityBin,
    ReportDetails,
    TargetDetails,
    stored_interval,
)
from polytask.models.score_distribution import ScoreDistribution

__all__ = ["table_details"]

_LEVELS = (0.5, 0.8, 0.9, 0.95)
_MANY_TARGETS = 12
_MOST_SAMPLED, _FEWEST_SAMPLED, _ALL_SAMPLED = 300, 60, 9000
_MOST_COLUMNS, _SHUFFLED_NUMBERS, _SHUFFLED = 300, 100_000, (200, 1000)
_BINS = 10
_MOST_MISSES, _MISSES_OF_MANY, _MISS_FEATURES = 8, 3, 4
_LONGEST = 60  # letters of a value


def table_details(
    frame: Any,
    prepared: PreparedTable,
    fitted: TableFit,
    calibration: Calibration,
    scores: np.ndarray,
    rows: Mapping[str, Sequence[Mapping[str, float]]],
    *,
    seed: int,
) -> ReportDetails:
    """Collect what a report shows of a fit; its size does not grow with the table.

    Args:
        frame: The table; the values of rows that were predicted badly are taken from it.
        prepared: The same, encoded, and its folds.
        fitted: The model, and its held-out predictions.
        calibration: What these say of its certainty.
        scores: How badly each label fits, ``[target, row]``, as `calibrate_with_scores` gives it.
        rows: Figures by training step, by title.
        seed: Decides which rows are sampled, and how columns are shuffled.
    """
    answers = {
        task.name: calibration.sharpen(task, fitted.joint[task.name].cpu().double())
        for task in prepared.tasks
    }
    blocks = row_blocks(len(prepared.rows), groups=prepared.groups, order=prepared.times, seed=seed)
    constant = constant_predictions(prepared)
    shuffled = _Shuffled.of(prepared, fitted, seed=seed)
    found = []
    for index, target in enumerate(prepared.targets):
        one = _Target(target, prepared, answers[target.task.name])
        details = TargetDetails(
            target=target.task.name,
            labels=int(prepared.rows.masks[target.task.name].sum()),
            judged=int(one.usable.sum()),
            gains=_gains(HeldOutRows(target, prepared, blocks), fitted, constant),
            coverage=_coverage(prepared, one, scores[index]),
            importance=shuffled.importance.get(target.task.name, {}),
            importance_rows=shuffled.n_rows,
            seen=shuffled.seen,
        )
        details = replace(details, misses=one.misses(frame, list(details.importance)))
        found.append(one.with_sample(details, seed=seed))
    columns: dict[str, list[str]] = {}
    for encoding in prepared.encoder.encodings:
        columns.setdefault(encoding.kind, []).append(encoding.name)
    return ReportDetails(
        targets=tuple(found),
        curves=training_curves(rows),
        columns={kind: tuple(names) for kind, names in columns.items()},
        dropped=dict(prepared.encoder.dropped),
        notes=tuple(shuffled.notes),
    )


class _Target:
    """Held-out predictions of one target beside its labels.

    Args:
        target: The target.
        prepared: The table.
        answers: ``[row, n_outputs]``; NaN where a row was not judged.
    """

    def __init__(self, target: TargetColumn, prepared: PreparedTable, answers: Tensor) -> None:
        self.target, self.task, self.prepared, self.answers = target, target.task, prepared, answers
        mask = prepared.rows.masks[self.task.name].reshape(len(prepared.rows))
        self.usable = (mask & ~answers.isnan().any(-1)).numpy()
        self.labels = prepared.rows.targets[self.task.name]

    @property
    def is_number(self) -> bool:
        return self.task.kind == "regression"

    def with_sample(self, details: TargetDetails, *, seed: int) -> TargetDetails:
        """Add predictions beside labels: points of numbers, counts of classes."""
        rows = np.flatnonzero(self.usable)
        if self.is_number:
            share = _ALL_SAMPLED // len(self.prepared.targets)
            most = min(_MOST_SAMPLED, max(_FEWEST_SAMPLED, share))
            if len(rows) > most:
                order = torch.randperm(len(rows), generator=generator(seed, "sample", self.task.name))
                rows = np.sort(rows[order[:most].numpy()])
            truth, predicted = self.numbers(rows)
            return replace(details, truth=_rounded(truth), predicted=_rounded(predicted))
        labels, codes = self.labels[rows].long().numpy(), self.codes(rows)
        names, matrix = counted_classes(self.target.classes, labels, codes)
        shares = 1 - class_scores(self.task, self.answers[rows])  # [row, class]
        best = shares.argmax(1)
        return replace(
            details,
            classes=names,
            confusion=matrix,
            reliability=_reliability(shares.max(1, initial=0.0), best == labels),
        )

    def numbers(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and predictions in units of the column."""
        truth = self.target.units(self.labels[rows].double())
        return truth.numpy(), self.target.units(self.answers[rows, 0]).numpy()

    def codes(self, rows: np.ndarray) -> np.ndarray:
        return self.target.codes(self.answers[rows]).numpy()

    def misses(self, frame: Any, columns: Sequence[str]) -> tuple[Miss, ...]:
        """Return the rows that were predicted worst, with what they have in the columns that matter most."""
        rows = np.flatnonzero(self.usable)
        most = _MOST_MISSES if len(self.prepared.targets) <= _MANY_TARGETS else _MISSES_OF_MANY
        if self.is_number:
            truth, predicted = self.numbers(rows)
            sizes = np.abs(predicted - truth)
            texts = [[f"{value:.4g}" for value in values] for values in (truth, predicted)]
        else:
            labels, codes = self.labels[rows].long().numpy(), self.codes(rows)
            shares = 1 - class_scores(self.task, self.answers[rows])
            sizes = np.where(codes == labels, 0.0, shares[np.arange(len(rows)), codes])
            texts = [[self.target.classes[code] for code in part] for part in (labels, codes)]
        worst = np.argsort(-sizes, kind="stable")[:most]
        chosen = columns[:_MISS_FEATURES] or list(self.prepared.encoder.columns[:_MISS_FEATURES])
        return tuple(
            Miss(
                row=int(self.prepared.indices[rows[index]]),
                truth=_short(texts[0][index]),
                predicted=_short(texts[1][index]),
                size=float(f"{sizes[index]:.6g}"),
                features=_features(frame, int(self.prepared.indices[rows[index]]), chosen),
            )
            for index in worst
            if sizes[index] > 0
        )


def _gains(rows: HeldOutRows, fitted: TableFit, constant: Answers) -> dict[str, tuple[float | None, ...]]:
    name = rows.task.name
    found = {"constant answer": rows.gain(fitted.joint, constant)}
    if name in fitted.baseline and name not in fitted.single:
        found = {"separate model": rows.gain(fitted.joint, fitted.baseline), **found}
    return {baseline: stored_interval(gain) for baseline, gain in found.items() if gain is not None}


def _coverage(prepared: PreparedTable, one: _Target, scores: np.ndarray) -> dict[str, float]:
    """Return the share of labels inside their regions, whose radius the other folds decide."""
    inside = {level: np.zeros(len(scores), dtype=bool) for level in _LEVELS}
    known = ~np.isnan(scores)
    always = np.zeros(len(scores), dtype=bool)
    if not one.is_number and known.any():  # the answer is always in its set
        rows = np.flatnonzero(known)
        always[rows] = one.codes(rows) == one.labels[rows].long().numpy()
    judged = np.zeros(len(scores), dtype=bool)
    for fold in prepared.repeats[0]:
        here = fold.held_out[known[fold.held_out]]
        others = known.copy()
        others[fold.held_out] = False
        groups = None if prepared.groups is None else prepared.groups[others]
        distribution = ScoreDistribution.of(scores[others], groups)
        if distribution is None or not len(here):
            continue
        judged[here] = True
        for level, covered in inside.items():
            covered[here] = (scores[here] <= distribution.radius(level)) | always[here]
    if not judged.any():
        return {}
    return {f"{level:g}": round(float(covered[judged].mean()), 4) for level, covered in inside.items()}


def _reliability(probabilities: np.ndarray, right: np.ndarray) -> tuple[ReliabilityBin, ...]:
    """Put answers with about the same probability together, about as many in each bin."""
    if not len(probabilities):
        return ()
    order = np.argsort(probabilities, kind="stable")
    n_bins = min(_BINS, max(1, len(order) // 10))
    return tuple(
        ReliabilityBin(
            probability=round(float(probabilities[part].mean()), 4),
            right=round(float(right[part].mean()), 4),
            rows=len(part),
        )
        for part in np.array_split(order, n_bins)
        if len(part)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shuffled:
    """How much worse predictions get when columns are shuffled.

    Args:
        importance: By target and column, the columns that matter most first.
        n_rows: Of how many rows.
        seen: Whether the networks had seen these.
        notes: What a reader has to know.
    """

    importance: Mapping[str, Mapping[str, float]]
    n_rows: int
    seen: bool
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, prepared: PreparedTable, fitted: TableFit, *, seed: int) -> "_Shuffled":
        names = prepared.encoder.columns
        if len(names) > _MOST_COLUMNS:
            note = f"The importance of {len(names)} columns was not measured; `polytask importance` does it."
            return cls(importance={}, n_rows=0, seen=False, notes=(note,))
        networks = HeldOutNetworks(fitted.model, prepared)
        rows = (networks.fold_of >= 0).nonzero().squeeze(1)
        draw = generator(seed, "importance")
        most = min(_SHUFFLED[1], max(_SHUFFLED[0], _SHUFFLED_NUMBERS // len(names)))
        rows = rows[torch.randperm(len(rows), generator=draw)[:most]]
        inputs = cast(Tensor, prepared.rows.inputs)[rows]
        judges = [_Cost.of(task, prepared, rows) for task in prepared.tasks]
        before = networks.outputs(inputs, rows)
        found: dict[str, dict[str, float]] = {task.name: {} for task in prepared.tasks}
        start = 0
        for encoding in prepared.encoder.encodings:
            place = slice(start, start + len(encoding.feature_names))
            start = place.stop
            changed = inputs.clone()
            changed[:, place] = inputs[torch.randperm(len(rows), generator=draw)][:, place]
            after = networks.outputs(changed, rows)
            for judge in judges:
                cost = judge.worse(before[judge.task.name], after[judge.task.name])
                if math.isfinite(cost):
                    found[judge.task.name][encoding.name] = float(f"{cost:.4g}")
        ordered = {
            name: dict(sorted(costs.items(), key=lambda one: -one[1])) for name, costs in found.items()
        }
        return cls(importance=ordered, n_rows=len(rows), seen=not networks.unseen)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cost:
    """The loss of a target on some rows, in units of the loss of the best constant answer for them."""

    task: Task
    prepared: PreparedTable
    rows: Tensor
    unit: float

    @classmethod
    def of(cls, task: Task, prepared: PreparedTable, rows: Tensor) -> "_Cost":
        labelled = rows[prepared.rows.masks[task.name].reshape(-1)[rows]]
        unit = math.nan
        if len(labelled) > 1:
            data = prepared.rows.only([task.name]).rows(labelled)
            answers = all_predictions(constant_predictor([task], data), data)[task.name]
            unit = float(row_losses(task, answers, data).mean()) or math.nan
        return cls(task=task, prepared=prepared, rows=rows, unit=unit)

    def worse(self, before: Tensor, after: Tensor) -> float:
        labelled = self.prepared.rows.masks[self.task.name].reshape(-1)[self.rows]
        usable = labelled & ~before.isnan().any(-1)
        if not usable.any():
            return math.nan
        data = self.prepared.rows.only([self.task.name]).rows(self.rows[usable])
        rise = row_losses(self.task, after[usable], data) - row_losses(self.task, before[usable], data)
        return float(rise.mean()) / self.unit


def _features(frame: Any, row: int, columns: Sequence[str]) -> dict[str, str]:
    if not isinstance(frame, pd.DataFrame):  # a table that is read in pieces
        return {}
    return {name: _value(frame[name].iloc[row]) for name in columns if name in frame.columns}


def _value(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NaT or value is pd.NA:
        return "missing"
    return f"{value:.6g}" if isinstance(value, float) else _short(str(value))


def _short(text: str) -> str:
    text = text.encode(errors="replace").decode()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{value:.5g}") for value in values)
