"""What a comparison on many tasks found: every candidate, by how much is known of a task, and what to do."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polytask  # its rooms are looked up when they are asked for: what writes reports is no part of a result
from polytask.compare.results import Comparison, Contrast
from polytask.compare.task_parts import TaskRowsKnown, words_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TaskComparison"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskComparison:
    """What a comparison on the tasks of a task column found.

    Args:
        task_column: The column that tells the task of a row.
        parts: By how many rows of a task are known, ``"most"`` for new rows of known tasks: the candidates,
            and what the reference gains on each of the others.
        reference: The candidate that is held against all others.
        recommendation: What to do, in words.
        messages: What was noteworthy.
    """

    task_column: str
    parts: Mapping[TaskRowsKnown, Comparison]
    reference: str
    recommendation: str
    messages: tuple[str, ...]

    def __str__(self) -> str:
        return self.recommendation

    @property
    def n_left(self) -> int:
        """Cells that are not done, for want of time."""
        return sum(part.n_left for part in self.parts.values())

    def best(self, target: str, known: TaskRowsKnown) -> str:
        """Return the candidate whose metric is best where so much is known, whether clearly or not.

        Raises:
            InputError: There is no such target, or no candidate predicts it.
        """
        return self.parts[known].best(target)

    def contrast(self, known: TaskRowsKnown, target: str, candidate: str) -> Contrast | None:
        """Return what the reference gains on a candidate where so much is known; None for itself."""
        asked = (target, self.reference, candidate)
        contrasts = self.parts[known].contrasts
        return next((one for one in contrasts if (one.target, one.candidate, one.baseline) == asked), None)

    def to_frame(self) -> "pd.DataFrame":
        """Return a row for what is known, every target and candidate: first metric, gain, verdict, seconds.

        Gain and verdict are those of the reference on the candidate; NaN and ``""`` for the reference itself.
        """
        import pandas as pd

        rows = []
        for known, part in self.parts.items():
            values = part.to_frame()[["target", "candidate", "metric", "value", "half_width", "seconds"]]
            for row in values.to_dict(orient="records"):
                found = self.contrast(known, row["target"], row["candidate"])
                gain = None if found is None else found.gain
                p_value = None if found is None else found.p_value
                rows.append(
                    {
                        "known": str(known),
                        **row,
                        "gain_percent": math.nan if gain is None else gain.mean,
                        "gain_half_width": math.nan if gain is None else gain.half_width,
                        "p_value": math.nan if p_value is None else p_value,
                        "verdict": "" if found is None else found.verdict,
                    }
                )
        return pd.DataFrame(rows)

    def report(self, path: str | Path) -> Path:
        """Write a report: one HTML file; see `polytask.report.write_comparison_report`."""
        return polytask.report.write_comparison_report(self, path)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON; what is unknown is null."""
        parts = []
        for known, part in self.parts.items():
            told = {name: one for name, one in part.to_json().items() if name != "recommendation"}
            parts.append({"known": known, "judged_by": words_of(known), **told})
        return {
            "recommendation": self.recommendation,
            "task_column": self.task_column,
            "reference": self.reference,
            "parts": parts,
            "messages": list(self.messages),
        }
