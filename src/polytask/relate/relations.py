"""What relating the tasks of a table found: who helps whom, who belongs together, and how likely it pays."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import polytask  # its rooms are looked up when they are asked for: what writes reports is no part of a result
from polytask.core import InputError, Interval
from polytask.core.names import all_of, counted, short_name
from polytask.models.table_results import gain_words, verdict_of
from polytask.relate.affinity import Affinity
from polytask.relate.pilot_probability import PilotProbability
from polytask.relate.table_affinity import AFFINITIES, AffinityKind

__all__ = ["Relations", "TaskRelation"]

LIKELY = 0.65
"""The probability from which joint training probably helps; below 1 minus that it probably hurts."""

_MOST_NAMED = 6  # tasks that a sentence names; of more it says how many


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRelation:
    """One task beside the others.

    Args:
        task: Its name.
        kind: Its kind.
        metric: The first metric, the one that is compared.
        labels: How many of its labels the short comparison used.
        gain: Of joint training in the short comparison, in percent of the metric of a network for the task
            alone (see `polytask.evaluate.gain`); None where it is not known.
        p_value: Of no gain, adjusted for the number of tasks (Holm); None where it is not known.
        probability: That a full comparison finds a gain above 0; the base rate where a short comparison is
            known to foretell no better.
        group: The index of its group in `Relations.groups`.
    """

    task: str
    kind: str
    metric: str
    labels: int
    gain: Interval | None
    p_value: float | None
    probability: float
    group: int

    @property
    def verdict(self) -> str:
        """What the short comparison says: ``helped``, ``hurt``, ``no clear difference``, or ``unknown``."""
        return verdict_of(self.gain, self.p_value)

    @property
    def outlook(self) -> str:
        """What is to be expected of full training: ``helps``, ``hurts``, or ``open``."""
        if self.probability >= LIKELY:
            return "helps"
        return "hurts" if self.probability <= 1 - LIKELY else "open"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Relations:
    """What `polytask.relate` found.

    Args:
        tasks: By task, in the order of the targets, or of the values of the task column.
        affinity: Between the tasks; ``affinity.matrix`` is ``[from task, to task]``.
        affinity_kind: What was measured, a key of `polytask.relate.table_affinity.AFFINITIES`.
        groups: Which tasks to train together, a network for each group; for targets `polytask.fit` takes
            them as its ``groups``.
        mean: The gain of joint training in the short comparison, averaged over tasks; None where that of a
            task is not known.
        probability: What the probabilities rest on, and what they were worth on tables not seen before.
        rows: How many rows the table has, how many have a label, and how many were used.
        n_folds: Parts of the rows; each was judged by networks of the others.
        seconds: Wall time.
        messages: What was noteworthy.
    """

    tasks: tuple[TaskRelation, ...]
    affinity: Affinity
    affinity_kind: AffinityKind
    groups: tuple[tuple[str, ...], ...]
    mean: Interval | None
    probability: PilotProbability
    rows: Mapping[str, int]
    n_folds: int
    seconds: float
    messages: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.recommendation

    def __repr__(self) -> str:
        counts = {word: sum(one.outlook == word for one in self.tasks) for word in ("helps", "hurts", "open")}
        outlook = f"joint training probably helps {counts['helps']}, hurts {counts['hurts']}"
        return (
            f"Relations({counted(len(self.tasks), 'task')}: {outlook}, open for {counts['open']}; "
            f"{counted(len(self.groups), 'group')}; {self.seconds:.1f} s)"
        )

    def __getitem__(self, task: str) -> TaskRelation:
        """Return one task's part.

        Raises:
            InputError: There is no such task.
        """
        for one in self.tasks:
            if one.task == task:
                return one
        some = ", ".join(one.task for one in self.tasks[:_MOST_NAMED])
        raise InputError(
            f"There is no task {task!r}; there are {some}{' ...' if len(self.tasks) > _MOST_NAMED else ''}."
        )

    @property
    def recommendation(self) -> str:
        """What to do, in words."""
        sentences = self._outlooks() if self.probability.informs else self._verdicts()
        return " ".join(filter(None, [*sentences, self._mean(), self.grouping]))

    def _outlooks(self) -> list[str]:
        """Say whom joint training helps or hurts, by the probabilities."""
        found = [
            f"{verb} {self._whom(ones)}"
            for verb, outlook in (("help", "helps"), ("hurt", "hurts"))
            if (ones := [one for one in self.tasks if one.outlook == outlook])
        ]
        sentences = [f"Joint training will probably {', and '.join(found)}."] if found else []
        if undecided := [one for one in self.tasks if one.outlook == "open"]:
            what = "it" if found else "joint training"
            sentences.append(f"Whether {what} helps {self._whom(undecided)} is open.")
        return sentences

    def _verdicts(self) -> list[str]:
        """Say what the short comparison found, and that it foretells little."""
        found = [
            f"{word} {self._measured(ones)}"
            for word in ("helped", "hurt")
            if (ones := [one for one in self.tasks if one.verdict == word])
        ]
        said = "In a short comparison joint training "
        said += f"clearly {', and '.join(found)}." if found else "made no clear difference for any one task."
        base = self.probability
        return [
            said,
            f"What full training will do it cannot tell: on {base.n_tables} tables that were left out, short "
            f"comparisons foretold it no better than the base rate ({100 * base.base_rate:.0f} % of tasks "
            "gained). Run a full comparison (compare) to decide.",
        ]

    def _mean(self) -> str:
        if self.mean is None or not math.isfinite(self.mean.half_width):
            return ""
        verb = "gained" if self.mean.mean >= 0 else "lost"
        clearly = "clearly " if self.mean.low > 0 or self.mean.high < 0 else ""
        return (
            f"On average over the tasks it {clearly}{verb} {gain_words(self.mean)} in the short comparison."
        )

    def _whom(self, ones: Sequence[TaskRelation]) -> str:
        if len(ones) <= _MOST_NAMED:
            return all_of([f"{short_name(one.task)} (probability {one.probability:.2f})" for one in ones])
        return f"{len(ones)} of {len(self.tasks)} tasks"

    def _measured(self, ones: Sequence[TaskRelation]) -> str:
        if len(ones) <= _MOST_NAMED:
            return all_of([f"{short_name(one.task)} by {gain_words(one.gain)}" for one in ones])
        return f"{len(ones)} of {len(self.tasks)} tasks"

    @property
    def grouping(self) -> str:
        """Which tasks belong together, in a sentence."""
        if len(self.groups) == 1:
            return "By their affinities, all of them belong in one network."
        several = [group for group in self.groups if len(group) > 1]
        if not several:
            return "By their affinities, each is best alone."
        if sum(map(len, self.groups)) > 2 * _MOST_NAMED:
            sizes = ", ".join(str(len(group)) for group in self.groups)
            return f"By their affinities, they make {len(self.groups)} groups, of {sizes} tasks."
        together = "; ".join(all_of([short_name(name) for name in group]) for group in several)
        alone = [short_name(group[0]) for group in self.groups if len(group) == 1]
        return f"By their affinities, train together: {together}" + (
            f"; and alone: {all_of(alone)}." if alone else "."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each task: labels, gain with half width, verdict, probability, group.

        Unknown figures are NaN; groups are numbered from 1.
        """
        return pd.DataFrame([_frame_row(one) for one in self.tasks]).set_index("task")

    def report(self, path: str | Path) -> Path:
        """Write a report: one HTML file; see `polytask.report.write_relations_report`."""
        return polytask.report.write_relations_report(self, path)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON; what is unknown is null."""
        return {
            "recommendation": self.recommendation,
            "tasks": [
                {
                    "task": one.task,
                    "kind": one.kind,
                    "metric": one.metric,
                    "labels": one.labels,
                    "gain_percent": None if one.gain is None else one.gain.to_json(),
                    "p_value": one.p_value,
                    "verdict": one.verdict,
                    "probability": round(one.probability, 4),
                    "outlook": one.outlook,
                    "group": one.group + 1,
                }
                for one in self.tasks
            ],
            "mean_gain_percent": None if self.mean is None else self.mean.to_json(),
            "groups": [list(group) for group in self.groups],
            "affinity": {
                "kind": self.affinity_kind,
                "meaning": AFFINITIES[self.affinity_kind],
                "names": list(self.affinity.names),
                "matrix": [
                    [round(value, 6) if math.isfinite(value) else None for value in row]
                    for row in self.affinity.matrix.tolist()
                ],
            },
            "probability": {
                "base_rate": self.probability.base_rate,
                "better_than_base_rate": self.probability.informs,
                "brier": dict(self.probability.brier),
                "brier_lead": list(self.probability.brier_lead),
                "learned_from": {
                    "tables": self.probability.n_tables,
                    "tasks": self.probability.n_tasks,
                },
            },
            "rows": dict(self.rows),
            "n_folds": self.n_folds,
            "seconds": round(self.seconds, 2),
            "messages": list(self.messages),
        }


def _frame_row(one: TaskRelation) -> dict[str, object]:
    return {
        "task": one.task,
        "kind": one.kind,
        "metric": one.metric,
        "labels": one.labels,
        "gain_percent": math.nan if one.gain is None else one.gain.mean,
        "gain_half_width": math.nan if one.gain is None else one.gain.half_width,
        "p_value": math.nan if one.p_value is None else one.p_value,
        "verdict": one.verdict,
        "probability": one.probability,
        "outlook": one.outlook,
        "group": one.group + 1,
    }
