"""What a report shows beside the figures of a model: kept with it as ``report.json``, of limited size."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from polytask.core import Interval
from polytask.core.records import record_from_json

__all__ = [
    "Curve",
    "Episode",
    "Item",
    "Miss",
    "ReportDetails",
    "ReliabilityBin",
    "TargetDetails",
    "stored_interval",
    "thinned",
]

MOST_POINTS = 80
"""Points of a curve that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A row whose held-out prediction was far off.

    Args:
        row: Its number in the table, from 0 on.
        truth: Its label, as people read it.
        predicted: What was predicted.
        size: How far off: the distance in units of the column, or the probability given to a wrong class.
        features: Some of its features by name, those that matter most first.
    """

    row: int
    truth: str
    predicted: str
    size: float
    features: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Answers of about the same probability.

    Args:
        probability: Their mean probability.
        right: The share that was right.
        rows: How many there are.
    """

    probability: float
    right: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetDetails:
    """What held-out rows say of one target, each judged by networks that did not see it.

    Args:
        target: Its name.
        labels: How many rows have a label.
        judged: How many of these were judged.
        gains: By baseline (``"separate model"``, ``"constant answer"``) the gain in percent, as mean and half
            width; see `polytask.evaluate.gain`.
        truth: Of numbers, labels of a sample of rows in units of the column.
        predicted: What was predicted for these.
        classes: Of classes, those of the confusion matrix; the last may stand for all others.
        confusion: ``[true class, predicted class]``, numbers of rows.
        reliability: By probability of the answer, how often it was right.
        coverage: By level, the share of labels inside their interval or set, each judged by the other folds.
        importance: By column, how much worse predictions get when it is shuffled; see
            `polytask.estimators.importance`.
        importance_rows: Of how many rows; 0 where it was not measured.
        seen: Whether networks had seen these rows.
        misses: The rows that were predicted worst, the worst first.
    """

    target: str
    labels: int
    judged: int
    gains: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    truth: tuple[float, ...] = ()
    predicted: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    reliability: tuple[ReliabilityBin, ...] = ()
    coverage: Mapping[str, float] = field(default_factory=dict)
    importance: Mapping[str, float] = field(default_factory=dict)
    importance_rows: int = 0
    seen: bool = False
    misses: tuple[Miss, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Figures by training step.

    Args:
        title: Of which training.
        measured: ``"loss"``, ``"weight"``, ``"conflict"`` or ``"score"``.
        unit: ``"epoch"`` or ``"step"``.
        at: The steps.
        lines: By name, a figure for each of these; None where there is none.
    """

    title: str
    measured: str
    unit: str
    at: tuple[float, ...]
    lines: Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An example in a gallery.

    Args:
        truth: Its class.
        predicted: What it was taken for; empty where nothing was asked.
        probability: Of that; None where it is not known.
        name: What it is called.
        text: The text, where it is one.
        image: A picture as ``data:image/png;base64,...``; empty without.
    """

    truth: str
    predicted: str = ""
    probability: float | None = None
    name: str = ""
    text: str = ""
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An episode: what was shown with labels, and what was asked.

    Args:
        support: Labelled examples.
        queries: Answered ones.
    """

    support: tuple[Item, ...]
    queries: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDetails:
    """Everything that a report shows beside the results.

    Args:
        targets: Of a table.
        curves: Of the training.
        columns: Of a table, the columns in use by kind.
        dropped: By column, why it is not used.
        episodes: Of few-shot learning, some episodes of classes that were never seen.
        misses: The examples that were taken for another class with most confidence.
        classes: Of few-shot learning, those of the confusion matrix; the last may stand for all others.
        confusion: ``[true class, predicted class]``, numbers of examples that were left out.
        notes: What a reader has to know about all this, such as that it is a sample.
    """

    targets: tuple[TargetDetails, ...] = ()
    curves: tuple[Curve, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)
    episodes: tuple[Episode, ...] = ()
    misses: tuple[Item, ...] = ()
    classes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what `to_json` wrote.

        Raises:
            InputError: It is something else.
        """
        return record_from_json(cls, data, name="the report's details")


def stored_interval(interval: Interval | None) -> tuple[float | None, ...]:
    """Return mean and half width to be kept; None for what is not known.

    Example:
        >>> stored_interval(Interval(mean=1.23456789, half_width=float("nan"), n=1))
        (1.23457, None)
    """
    if interval is None:
        return (None, None)
    found = interval.to_json()
    return tuple(
        None if (value := found[part]) is None else float(f"{value:.6g}") for part in ("mean", "half_width")
    )


def thinned(values: Sequence[Any], most: int = MOST_POINTS) -> list[Any]:
    """Return at most so many of the values, the first and the last among them.

    Example:
        >>> thinned([0, 1, 2, 3, 4, 5, 6], 3)
        [0, 3, 6]
    """
    if len(values) <= most:
        return list(values)
    return [values[round(index * (len(values) - 1) / (most - 1))] for index in range(most)]
