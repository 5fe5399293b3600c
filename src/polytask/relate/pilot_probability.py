"""How likely joint training helps a task, by a short comparison and what such comparisons were worth before.

A short comparison is noisy: its gain may have the other sign than that of full training. From tables on which
both were measured (``benchmarks/quality/pilot_probability.py``), a logistic regression has learned how far to
trust it. What it was worth on tables that it had not seen is part of what is stored.
"""

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from polytask.core import Interval

__all__ = [
    "FEATURES",
    "PROBABILITY_FILE",
    "PilotProbability",
    "pilot_features",
    "standard_error",
    "t_statistic",
]

PROBABILITY_FILE = Path(__file__).with_name("pilot_probability.json")
"""What was learned; plain numbers."""

FEATURES = ("t", "log_labels", "log_tasks")
"""Of a task: its gain in standard errors, tenfolds of 100 labels, and doublings of two tasks."""

_MOST_T = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotProbability:
    """What was learned from tables that were compared both shortly and fully.

    Args:
        coefficients: Of `FEATURES`.
        intercept: Of the logistic regression.
        base_rate: The share of tasks that joint training helped.
        n_tables: Tables that it was learned from.
        n_tasks: Tasks of these, for several numbers of rows.
        brier: The mean squared error of the probability on tables that were left out, ``"pilot"``, and that
            of always saying the base rate of the other tables, ``"base_rate"``.
        brier_lead: By how much the former is lower on average over tables, and the standard error of that.
    """

    coefficients: Mapping[str, float]
    intercept: float
    base_rate: float
    n_tables: int
    n_tasks: int
    brier: Mapping[str, float]
    brier_lead: tuple[float, float]

    @property
    def informs(self) -> bool:
        """Whether it was better than the base rate by more than two standard errors."""
        lead, error = self.brier_lead
        return lead > 2 * error

    @classmethod
    @functools.cache
    def stored(cls) -> "PilotProbability":
        """Read what is part of the package."""
        content = json.loads(PROBABILITY_FILE.read_text(encoding="utf-8"))
        return cls(**{**content, "brier_lead": tuple(content["brier_lead"])})

    def probabilities(
        self, gains: Mapping[str, Interval | None], n_labels: Mapping[str, int]
    ) -> dict[str, float]:
        """Return by task how likely full joint training helps it.

        That is the base rate where nothing is known of a task, and for all where a short comparison was no
        better than it.

        Args:
            gains: Of the short comparison.
            n_labels: Labels of each task.
        """
        features = pilot_features(gains, n_labels)
        found = {}
        for name in gains:
            if name not in features or not self.informs:
                found[name] = self.base_rate
                continue
            weights = [self.coefficients[feature] for feature in FEATURES]
            score = sum(weight * value for weight, value in zip(weights, features[name], strict=True))
            found[name] = 1 / (1 + math.exp(-(score + self.intercept)))
        return found


def standard_error(gain: Interval) -> float:
    """Return the standard error of a gain; NaN where it is not known.

    Example:
        >>> round(standard_error(Interval(mean=2.0, half_width=2.0, n=20)), 2)
        0.96
    """
    from scipy.special import stdtrit

    if gain.n < 2:
        return math.nan
    return gain.half_width / float(stdtrit(gain.n - 1, (1 + gain.confidence) / 2))


def t_statistic(gain: Interval) -> float:
    """Return a gain in standard errors; NaN where the error is not known, 0 where nothing varies.

    Example:
        >>> round(t_statistic(Interval(mean=2.0, half_width=2.0, n=20)), 2)
        2.09
    """
    error = standard_error(gain)
    return gain.mean / error if error != 0 else 0.0


def pilot_features(
    gains: Mapping[str, Interval | None], n_labels: Mapping[str, int]
) -> dict[str, tuple[float, ...]]:
    """Return `FEATURES` of each task whose gain and error are known.

    Args:
        gains: Of the short comparison.
        n_labels: Labels of each task.
    """
    found = {name: t_statistic(gain) for name, gain in gains.items() if gain is not None}
    of_tasks = math.log2(max(len(gains), 2) / 2)
    return {
        name: (
            min(max(t, -_MOST_T), _MOST_T),
            math.log10(max(n_labels[name], 1) / 100),
            of_tasks,
        )
        for name, t in found.items()
        if math.isfinite(t)
    }
