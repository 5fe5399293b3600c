"""What a comparison found: every candidate on every target, who is better, and what to do."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polytask  # its rooms are looked up when they are asked for: what writes reports is no part of a result
from polytask.compare.chosen_settings import settings_text
from polytask.core import InputError, Interval, Task
from polytask.evaluate.metrics import higher_is_better
from polytask.models.table_results import verdict_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CandidateResult", "Comparison", "Contrast"]

"""The p-value below which a difference is clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateResult:
    """One candidate.

    Args:
        name: By which results name it.
        words: What sentences call it.
        metrics: By target, every metric with its interval; a target that it cannot predict is left out.
        seconds: Of a cell, on one thread, averaged.
        peak_bytes: The farthest that memory rose in a cell; None where the system does not say.
        settings: By target, the settings that were chosen as JSON, and in how many cells.
        trials: By target, how many settings it chose from; 1 where it had its usual ones without a choice.
        error: Why it failed; None if it has not.
        messages: Its warnings.
    """

    name: str
    words: str
    metrics: Mapping[str, Mapping[str, Interval]]
    seconds: float
    peak_bytes: int | None
    settings: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    trials: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One candidate against another on one target, paired row by row.

    Args:
        target: The target.
        candidate: The one.
        baseline: The other.
        joint: Whether it is joint training against the same networks without the other targets.
        gain: Of the one, in percent of the other's first metric (see `polytask.evaluate.gain`); None where it
            is not known.
        p_value: Of no gain, adjusted for all contrasts that ask the same (Holm); None where it is not known.
    """

    target: str
    candidate: str
    baseline: str
    joint: bool
    gain: Interval | None
    p_value: float | None

    @property
    def verdict(self) -> str:
        """``helped``, ``hurt``, ``no clear difference``, ``unknown``; for others ``better``, ``worse``."""
        words = ("helped", "hurt") if self.joint else ("better", "worse")
        return verdict_of(self.gain, self.p_value, words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a comparison found.

    Args:
        tasks: The targets.
        candidates: In the order in which they were given.
        contrasts: Who is better than whom.
        delta_m: By joint candidate, its gain over single networks, averaged over targets; None where the gain
            of a target is not known.
        recommendation: What to do, in words.
        not_better_than_constant: Targets for which no candidate is clearly better than a constant.
        n_folds: Parts into which the labelled rows were cut.
        n_repeats: How often they were dealt anew.
        rows: How many have a label, and how many were judged.
        n_cells: Cells of the comparison.
        n_left: Cells that are not done, for want of time; folds that lack one are not judged.
        seconds: Of all cells together.
        messages: What was noteworthy.
    """

    tasks: tuple[Task, ...]
    candidates: tuple[CandidateResult, ...]
    contrasts: tuple[Contrast, ...]
    delta_m: Mapping[str, Interval | None]
    recommendation: str
    not_better_than_constant: tuple[str, ...]
    n_folds: int
    n_repeats: int
    rows: Mapping[str, int]
    n_cells: int
    n_left: int
    seconds: float
    messages: tuple[str, ...]

    def __str__(self) -> str:
        return self.recommendation

    def best(self, target: str) -> str:
        """Return the candidate whose first metric of a target is best, whether clearly or not.

        Raises:
            InputError: There is no such target, or no candidate predicts it.
        """
        task = next((task for task in self.tasks if task.name == target), None)
        if task is None:
            names = ", ".join(task.name for task in self.tasks)
            raise InputError(f"There is no target {target!r}; there are {names}.")
        metric = self.metric(target)
        scores = {
            one.name: one.metrics[target][metric].mean
            for one in self.candidates
            if metric in one.metrics.get(target, {})
        }
        if not scores:
            raise InputError(f"No candidate predicts {target!r}.")
        sign = 1 if higher_is_better(task, metric) else -1
        return max(scores, key=lambda name: sign * scores[name])

    def metric(self, target: str) -> str:
        """Return the metric by which a target is compared."""
        from polytask.evaluate.metrics import metric_names

        return next(metric_names(task)[0] for task in self.tasks if task.name == target)

    def to_frame(self) -> "pd.DataFrame":
        """Return a row for every target and candidate: first metric, gain, verdict, settings, seconds ...

        Unknown figures are NaN; where others are held against a candidate, baseline and verdict are ``""``.
        """
        import pandas as pd

        return pd.DataFrame([self._row(task.name, one) for task in self.tasks for one in self.candidates])

    def _row(self, target: str, candidate: CandidateResult) -> dict[str, Any]:
        metric = self.metric(target)
        interval = candidate.metrics.get(target, {}).get(metric)
        contrast = self.contrast(target, candidate.name)
        gain = None if contrast is None else contrast.gain
        peak = candidate.peak_bytes
        return {
            "target": target,
            "candidate": candidate.name,
            "metric": metric,
            "value": math.nan if interval is None else interval.mean,
            "half_width": math.nan if interval is None else interval.half_width,
            "baseline": "" if contrast is None else contrast.baseline,
            "gain_percent": math.nan if gain is None else gain.mean,
            "gain_half_width": math.nan if gain is None else gain.half_width,
            "p_value": math.nan if contrast is None or contrast.p_value is None else contrast.p_value,
            "verdict": "" if contrast is None else contrast.verdict,
            "trials": candidate.trials.get(target, 0),
            "settings": settings_text(candidate.settings.get(target, {})),
            "seconds": candidate.seconds,
            "peak_mib": math.nan if peak is None else peak / 2**20,
        }

    def contrast(self, target: str, candidate: str) -> Contrast | None:
        """Return what a candidate was held against on a target; None if others are held against it."""
        return next(
            (one for one in self.contrasts if (one.target, one.candidate) == (target, candidate)), None
        )

    def report(self, path: str | Path) -> Path:
        """Write a report: one HTML file; see `polytask.report.write_comparison_report`."""
        return polytask.report.write_comparison_report(self, path)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON; what is unknown is null."""
        return {
            "recommendation": self.recommendation,
            "targets": [
                {
                    "name": task.name,
                    "kind": task.kind,
                    "metric": self.metric(task.name),
                    "best": self._best(task.name),
                }
                for task in self.tasks
            ],
            "candidates": [
                {
                    "name": one.name,
                    "metrics": {
                        target: {name: interval.to_json() for name, interval in metrics.items()}
                        for target, metrics in one.metrics.items()
                    },
                    "seconds": round(one.seconds, 3),
                    "peak_bytes": one.peak_bytes,
                    "settings": {target: dict(counts) for target, counts in one.settings.items()},
                    "trials": dict(one.trials),
                    "error": one.error,
                    "messages": list(one.messages),
                }
                for one in self.candidates
            ],
            "contrasts": [
                {
                    "target": one.target,
                    "candidate": one.candidate,
                    "baseline": one.baseline,
                    "gain_percent": None if one.gain is None else one.gain.to_json(),
                    "p_value": one.p_value,
                    "verdict": one.verdict,
                }
                for one in self.contrasts
            ],
            "delta_m_percent": {
                name: None if interval is None else interval.to_json()
                for name, interval in self.delta_m.items()
            },
            "not_better_than_constant": list(self.not_better_than_constant),
            "n_folds": self.n_folds,
            "n_repeats": self.n_repeats,
            "rows": dict(self.rows),
            "n_cells": self.n_cells,
            "n_left": self.n_left,
            "seconds": round(self.seconds, 2),
            "messages": list(self.messages),
        }

    def _best(self, target: str) -> str | None:
        try:
            return self.best(target)
        except InputError:
            return None
