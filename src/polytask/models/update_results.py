"""What became of an update of a few-shot model: figures before and after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from polytask.core import Interval, mean_interval

__all__ = ["BeforeAfter", "UpdateResults"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeAfter:
    """An accuracy before and after an update, on the same episodes or images.

    Args:
        before: With the model as it was.
        after: With the updated one, whether it was kept or not.
        change: After minus before, pair by pair.
    """

    before: Interval
    after: Interval
    change: Interval

    @classmethod
    def of(cls, before: Sequence[float], after: Sequence[float]) -> Self:
        """Compare scores of the same episodes or images, in the same order.

        Example:
            >>> BeforeAfter.of([0.5, 0.5, 0.5], [0.5, 0.7, 0.6]).change.format()
            '0.10 ± 0.25'
        """
        pairs = zip(before, after, strict=True)
        return cls(
            before=mean_interval(before),
            after=mean_interval(after),
            change=mean_interval([new - old for old, new in pairs]),
        )

    @property
    def words(self) -> str:
        """``"better"`` or ``"worse"`` where the interval of the change lies beyond 0."""
        low, high = self.change.low, self.change.high
        return "better" if low > 0 else "worse" if high < 0 else "no clear difference"

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        sides = {name: getattr(self, name).to_json() for name in ("before", "after", "change")}
        return {**sides, "verdict": self.words}


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateResults:
    """The figures of an update.

    Args:
        classes: Of the new task.
        n_support: Its images that the update and the adaptation learn from.
        n_query: Its other images, which only judge.
        new_task: Accuracy on these, adapted to the support; the interval is one of images, not of tasks.
        guard: Accuracy on episodes of classes held out in training, which decide whether the update stands.
        known: Accuracy on episodes of the test classes, which decide nothing.
        kept: Whether the update stands.
        reason: Why, in a sentence.
        steps: Of the update.
        seconds: Wall time of the steps.
    """

    classes: tuple[str, ...]
    n_support: int
    n_query: int
    new_task: BeforeAfter
    guard: BeforeAfter
    known: BeforeAfter
    kept: bool
    reason: str
    steps: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "classes": list(self.classes),
            "n_support": self.n_support,
            "n_query": self.n_query,
            "new_task": self.new_task.to_json(),
            "guard": self.guard.to_json(),
            "known_tasks": self.known.to_json(),
            "kept": self.kept,
            "reason": self.reason,
            "steps": self.steps,
            "seconds": round(self.seconds, 2),
        }
