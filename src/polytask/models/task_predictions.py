"""What a model with tasks answers, in units of the columns, and what can be asked beside the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from polytask.core import InputError
from polytask.core.settings import SettingsCheck
from polytask.data.tables.problems import examples
from polytask.data.tables.target_column import TargetColumn
from polytask.models.target_tasks import TargetTasks
from polytask.models.target_units import ends, log_density_at
from polytask.models.task_spread import SpreadNotes

__all__ = ["AskedOfNumbers", "check_asked", "task_predictions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOfNumbers:
    """What is asked of numbers beside the answer.

    Args:
        intervals: The share of labels that shall lie in an interval; None for none.
        deviation: Whether the standard deviation is told.
        log_density: Whether the log density of the labels is told.

    Raises:
        InputError: A setting is out of range.
    """

    intervals: float | None
    deviation: bool
    log_density: bool

    def __post_init__(self) -> None:
        check = SettingsCheck()
        check.flag("deviation", self.deviation)
        check.flag("log_density", self.log_density)
        if self.intervals is not None:
            check.number("intervals", self.intervals, above=0, below=1)
        check.done()

    @property
    def names(self) -> list[str]:
        """The settings that were given."""
        given = {
            "intervals": self.intervals is not None,
            "deviation": self.deviation,
            "log_density": self.log_density,
        }
        return [name for name, there in given.items() if there]


def check_asked(asked: AskedOfNumbers, tasks: Sequence[TargetTasks]) -> None:
    """Refuse what no target can tell.

    Raises:
        InputError: There is no number, or nothing told how far off answers are.
    """
    if not asked.names or any(known.spread is not None for known in tasks):
        return
    numbers = [one.target.name for one in tasks if one.target.kind == "regression"]
    why = (
        f"too few held-out tasks or rows told how far off answers of {examples(numbers)} are"
        if numbers
        else "this model predicts classes alone"
    )
    raise InputError(f"`{asked.names[0]}` is for numbers, and {why}. Leave it out.")


def task_predictions(
    targets: Sequence[TargetColumn],
    tasks: Sequence[TargetTasks],
    inputs: Tensor,
    outputs: Mapping[str, Tensor],
    code: Tensor,
    frame: pd.DataFrame,
    asked: AskedOfNumbers,
    notes: SpreadNotes,
) -> pd.DataFrame:
    """Answer rows by what is known of their tasks.

    Args:
        targets: The targets.
        tasks: What is known of their tasks.
        inputs: Encoded rows ``[row, feature]``.
        outputs: What the pooled model predicts for them, by target.
        code: The number of each row's task, long ``[row]``; -1 where it is not known.
        frame: The rows, with their index and, for a density, their labels.
        asked: What is asked beside the answer.
        notes: Where intervals go beyond what held-out tasks tell; more is added.

    Raises:
        DataError: A density is asked for, but there is no column of labels.
    """
    columns: dict[str, np.ndarray] = {}
    for target, known in zip(targets, tasks, strict=True):
        name = target.task.name
        answers, away = known.predictions(inputs, outputs[name], code, deviation=bool(asked.names))
        found = target.decode(answers)
        if known.spread is not None:
            n_rows, centre = known.n_rows(code), answers[:, 0]
            notes.add(name, known.spread, n_rows)
            deviations = away * known.spread.factor(n_rows)
            if asked.deviation:
                low, high = ends(target, centre, deviations)
                found["sd"] = (high - low) / 2
            if asked.intervals is not None:
                low, high = ends(target, centre, away * known.spread.radius(n_rows, asked.intervals))
                found |= {"low": low, "high": high}
            if asked.log_density:
                found["log_density"] = log_density_at(target, frame, centre, deviations)
        columns |= {f"{name}:{suffix}" if suffix else name: values for suffix, values in found.items()}
    return pd.DataFrame(columns, index=frame.index)
