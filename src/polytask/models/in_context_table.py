"""What a network answers, as the columns of a table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from polytask.core import InputError
from polytask.data.tables.target_column import label_array
from polytask.models.in_context_predictions import RowsPrediction, density_in_units
from polytask.models.in_context_reading import InContextReader
from polytask.models.predictive import told_of
from polytask.models.task_predictions import AskedOfNumbers
from polytask.models.task_spread import SpreadNotes, TaskSpread

__all__ = ["InContextTable"]


class InContextTable:
    """Gathers answers, part by part.

    Args:
        reader: Of which targets they are.
        spreads: How far off answers of each number were; empty for what the network says.
        asked: What is asked of numbers beside the answer.
        n_rows: How many rows there are.
        labels: Of numbers, in units of the columns, ``[row, target]``; None where no density is asked for.
    """

    def __init__(
        self,
        reader: InContextReader,
        spreads: Sequence[TaskSpread | None],
        asked: AskedOfNumbers,
        *,
        n_rows: int,
        labels: np.ndarray | None,
    ) -> None:
        self.reader = reader
        self.spreads = spreads or [None] * len(reader.targets)
        self.asked = asked
        self.n_rows = n_rows
        self.labels = labels
        self.columns: dict[str, np.ndarray] = {}
        self.codes = np.full(n_rows, -1)
        self.notes = SpreadNotes(asked.intervals)

    def add(self, prediction: RowsPrediction) -> None:
        """Add the answers for some rows."""
        if self.reader.of_classes:
            self._add_classes(prediction)
        rows = prediction.rows.numpy()
        for index, (found, target, spread) in enumerate(
            zip(prediction.numbers, self.reader.targets, self.spreads, strict=False)
        ):
            name = target.task.name
            if spread is not None:
                self.notes.add(name, spread, torch.full((len(rows),), prediction.n_known))
            told = told_of(found, target, self.asked, spread=spread, n_known=prediction.n_known)
            if self.labels is not None:
                told["log_density"] = density_in_units(found, target, self.labels[rows, index])
            for suffix, values in told.items():
                self._column(f"{name}:{suffix}" if suffix else name, np.nan)[rows] = values

    def _add_classes(self, prediction: RowsPrediction) -> None:
        rows = prediction.rows.numpy()
        target = self.reader.target
        self.codes[rows] = prediction.decided().numpy()
        if prediction.log_p is not None:
            shares = prediction.log_p.exp().numpy()  # [row, class]
            for place, code in enumerate(prediction.classes):
                self._column(f"{target.task.name}:p({target.classes[code]})", 0.0)[rows] = shares[:, place]

    def messages(self) -> list[str]:
        """Tell where intervals go beyond what held-out tasks tell."""
        return self.notes.messages()

    def frame(self, index: pd.Index) -> pd.DataFrame:
        """Return all answers.

        Args:
            index: Of the rows.

        Raises:
            InputError: No class is known of any row.
        """
        if not self.reader.of_classes:
            names = [name for name in self.reader.names if name not in self.columns]  # where there is no row
            return pd.DataFrame(self.columns | {name: np.zeros(0) for name in names}, index=index)
        target = self.reader.target
        if self.n_rows and (self.codes < 0).all():
            raise InputError(
                f"No class of {target.task.name!r} is known of the tasks of these rows: each task has "
                "classes of its own, which its labelled rows tell. Adapt the model to some first."
            )
        values = label_array(target.labels or target.classes) if target.classes else np.zeros(0, dtype=object)
        if (self.codes < 0).any():
            values = values.astype(object)
            answers = np.full(self.n_rows, None, dtype=object)
            answers[self.codes >= 0] = values[self.codes[self.codes >= 0]]
        else:
            answers = values[self.codes]
        known = list(self.columns) if self.reader.own_classes else []
        order = [f"{target.task.name}:p({name})" for name in target.classes]
        shares = {name: self._column(name, 0.0) for name in order if name in known or not known}
        if (self.codes < 0).any():
            for values in shares.values():
                values[self.codes < 0] = np.nan
        return pd.DataFrame({target.task.name: answers, **shares}, index=index)

    def _column(self, name: str, empty: float) -> np.ndarray:
        return self.columns.setdefault(name, np.full(self.n_rows, empty))
