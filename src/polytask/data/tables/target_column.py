"""A column of a table as a task: to tensors, and back to units and class names."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import DataError, InputError, Task
from polytask.core.records import record_from_json
from polytask.data.tables.column import column_categories, column_numbers
from polytask.data.tables.feature_column import category_finder
from polytask.data.tables.number_form import NumberForm
from polytask.data.tables.problems import examples, some_rows

__all__ = ["Label", "TargetColumn"]

Label: TypeAlias = bool | int | float | str
"""A label as the column held it: what plain JSON can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetColumn:
    """A target of a table; made by `fit_targets`, or from JSON.

    Args:
        task: The task; it is named like the column.
        classes: Class names in the order of the outputs; empty for regression.
        mean: Of the training rows; 0 for classes.
        scale: Standard deviation of the training rows; 1 for classes.
        labels: For each class the value that stands for it in answers, all of one type; empty for the names.
        words: Text that counts as no label in a column of numbers.
        form: How numbers in text are written, with which unit; None for the way that Python reads.
        class_weights: For each class what an error on it costs, by which answers are decided; empty for all
            alike.
        log: Whether a regression is learned on the natural logarithm; ``mean`` and ``scale`` are of that.

    Example:
        >>> task = Task(name="sex", kind="binary", labels=("f", "m"))
        >>> target, mask = TargetColumn(task=task, classes=("f", "m")).encode(pd.Series(["m", None]))
        >>> target, mask
        (tensor([1., 0.]), tensor([ True, False]))
    """

    task: Task
    classes: tuple[str, ...]
    mean: float = 0.0
    scale: float = 1.0
    labels: tuple[Label, ...] = ()
    words: tuple[str, ...] = ()
    form: NumberForm | None = None
    class_weights: tuple[float, ...] = ()
    log: bool = False

    def __post_init__(self) -> None:
        kinds = {type(label) for label in self.labels}
        if self.labels and (len(self.labels) != len(self.classes) or len(kinds) > 1 or not kinds <= _LABELS):
            raise DataError(
                f"Target {self.task.name!r} needs one label a class, all text, numbers or truth values, got "
                f"{examples(self.labels)}."
            )
        some = self.class_weights
        if some and (len(some) != len(self.classes) or not all(0 < one < math.inf for one in some)):
            raise InputError(
                f"Target {self.task.name!r} needs a weight above 0 for each class, got {examples(some)}."
            )
        if self.log and self.task.kind != "regression":
            raise InputError(f"Target {self.task.name!r} has classes, which have no logarithm.")

    @property
    def kind(self) -> str:
        """How the target is asked: its task's kind, or ``"log"``."""
        return "log" if self.log else self.task.kind

    def encode(
        self, column: pd.Series, *, unseen: Literal["error", "missing"] = "error", first: int = 0
    ) -> tuple[Tensor, Tensor]:
        """Turn a column into a target.

        Args:
            column: Labels, as `fit_targets` saw them.
            unseen: What a class that was not there in fitting is: an error, or a missing label.
            first: The index of the first row in the table, for messages.

        Returns:
            The target ``[row]``, 0 where missing: float32, standardized for regression and 0 or 1 for
            binary; class indices for multiclass. And its mask, True where there is a label.

        Raises:
            DataError: A class was never seen, or a number cannot be read, is infinite, or has no logarithm.
        """
        if self.task.kind == "regression":
            numbers = self.numbers(column)
            if self.log:
                numbers = logarithms(self.task.name, numbers, first=first)
            with np.errstate(over="ignore"):
                standardized = ((numbers - self.mean) / self.scale).astype(np.float32)
            n_rows = int(np.isinf(standardized).sum())
            if n_rows:
                raise DataError(
                    f"Target {self.task.name!r} is infinite or too large in {some_rows(n_rows)}. Correct "
                    "these values, or leave them empty."
                )
            labelled = ~np.isnan(numbers)
            return torch.from_numpy(np.where(labelled, standardized, np.float32(0))), torch.from_numpy(
                labelled
            )
        texts = column_categories(column)
        find = category_finder(self.classes)
        index_of = {text: find(text) for text in dict.fromkeys(texts) if text is not None}
        strangers = [text for text, index in index_of.items() if index < 0]
        if strangers and unseen == "error":
            raise DataError(
                f"Target {self.task.name!r} has class {examples(strangers)}, but it was fitted with "
                f"{examples(self.classes)}. Correct these labels, leave them empty, or fit again."
            )
        codes = torch.tensor([index_of.get(text, -1) for text in texts], dtype=torch.long)
        target = codes.clamp(min=0)
        return (target.float() if self.task.kind == "binary" else target), codes >= 0

    def numbers(self, column: pd.Series) -> np.ndarray:
        """Read the labels of a regression in the units of the column, float64 ``[row]``, NaN where missing.

        Raises:
            DataError: A value is no number, or of another unit.
        """
        return column_numbers(column, words=self.words, form=self.form)

    def decode(self, prediction: Tensor) -> dict[str, np.ndarray]:
        """Turn a prediction ``[row, n_outputs]`` into answers ``[row]``.

        Returns:
            Under ``""`` the answer: a number in the units of the column (see `units`), or a class in the type
            of its labels (text, truth values, integers, numbers; see `codes`). For classes also
            ``p(CLASS)``, the probability of each.
        """
        prediction = prediction.detach().cpu().double()
        if self.task.kind == "regression":
            return {"": self.units(self.task.decide(prediction)).numpy()}
        probabilities = self._by_class(prediction).softmax(-1).numpy()  # [row, class]
        answers = label_array(self.labels or self.classes)[self.codes(prediction).numpy()]
        return {"": answers} | {f"p({name})": probabilities[:, i] for i, name in enumerate(self.classes)}

    def units(self, values: Tensor) -> Tensor:
        """Turn standardized numbers into the units of the column.

        On a log scale what is predicted is the mean of the logarithm, and what comes back is the exponential
        of that: the median, where errors on the log scale are as often above as below, and never the mean,
        which is larger.
        """
        numbers = values * self.scale + self.mean
        return numbers.clamp(max=_MOST_LOGARITHM).exp() if self.log else numbers

    def standardized(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn labels in the units of the column into what is predicted, the inverse of `units`.

        Args:
            numbers: float64 ``[row]``, NaN where there is no label.

        Returns:
            The standardized labels, and by how much the logarithm of a density there is larger than in the
            units of the column; NaN where there is no label.

        Raises:
            DataError: A label has no logarithm, on a log scale.
        """
        found = logarithms(self.task.name, numbers) if self.log else numbers
        slope = np.full(len(numbers), math.log(self.scale)) + (found if self.log else 0.0)
        return (found - self.mean) / self.scale, np.where(np.isnan(numbers), np.nan, slope)

    def codes(self, prediction: Tensor) -> Tensor:
        r"""Decide classes by logits ``[row, n_outputs]``: the index of each answer ``[row]``.

        .. math:: \arg\max_c w_c \, p_c

        With weights :math:`w_c` it is the answer whose expected cost is lowest, where an error on a row of
        class :math:`c` costs :math:`w_c`; without, the most probable class.
        """
        return self._by_class(self.decisive(prediction)).argmax(-1)

    def decisive(self, prediction: Tensor) -> Tensor:
        """Add to logits what class weights make of them, so that the largest one is the answer."""
        return prediction + self.shift.to(prediction) if self.class_weights else prediction

    @property
    def shift(self) -> Tensor:
        """The logarithms of the class weights, as they add to logits: ``[n_outputs]``."""
        logarithms = torch.tensor(self.class_weights, dtype=torch.float64).log()
        return logarithms[1:] - logarithms[:1] if self.task.kind == "binary" else logarithms

    def _by_class(self, logits: Tensor) -> Tensor:
        """Return a logit for each class: two instead of one minus a rounded probability."""
        if self.task.kind == "multiclass":
            return logits
        return torch.cat([torch.zeros_like(logits), logits], dim=-1)

    def to_json(self) -> dict[str, Any]:
        """Write the target as plain JSON; a loss of its own is not kept."""
        return {
            "name": self.task.name,
            "kind": self.task.kind,
            "n_outputs": self.task.n_outputs,
            "metrics": list(self.task.metrics),
            "classes": list(self.classes),
            "labels": list(self.labels),
            "words": list(self.words),
            "form": None if self.form is None else asdict(self.form),
            "mean": self.mean,
            "scale": self.scale,
            "class_weights": list(self.class_weights),
            "log": self.log,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TargetColumn":
        """Read what `to_json` wrote.

        Raises:
            InputError: It is something else.
        """
        stored = record_from_json(_Stored, data, name="a target")
        n_classes = {"regression": 0, "binary": 2, "multiclass": stored.n_outputs}[stored.kind]
        if stored.kind == "regression" and stored.n_outputs != 1:
            raise InputError(f"the target {stored.name!r} has {stored.n_outputs} outputs instead of 1.")
        if len(stored.classes) != n_classes or len(set(stored.classes)) != n_classes:
            raise InputError(
                f"the target {stored.name!r} has the classes {examples(stored.classes)}, but needs "
                f"{n_classes}, each with its own name."
            )
        farthest = np.finfo(np.float32).max
        if not 0 < stored.scale <= farthest or abs(stored.mean) > farthest:
            raise InputError(f"the target {stored.name!r} has constants out of range.")
        task = Task(
            name=stored.name,
            kind=stored.kind,
            n_outputs=stored.n_outputs,
            metrics=stored.metrics,
            labels=stored.classes,
        )
        return cls(
            task=task,
            classes=task.labels,
            mean=stored.mean,
            scale=stored.scale,
            labels=stored.labels,
            words=stored.words,
            form=stored.form,
            class_weights=stored.class_weights,
            log=stored.log,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A target as plain JSON."""

    name: str
    kind: Literal["regression", "binary", "multiclass"]
    n_outputs: int
    metrics: tuple[str, ...]
    classes: tuple[str, ...]
    mean: float
    scale: float
    labels: tuple[Label, ...] = ()
    words: tuple[str, ...] = ()
    form: NumberForm | None = None
    class_weights: tuple[float, ...] = ()
    log: bool = False


_LABELS = {bool, int, float, str}
_MOST_LOGARITHM = 88.0  # its exponential is the largest that 32 bits hold, almost


def logarithms(name: str, numbers: np.ndarray, *, remedy: str = "", first: int = 0) -> np.ndarray:
    """Take the logarithms of labels ``[row]``; NaN where there is none.

    Args:
        name: Of the target, for messages.
        numbers: Labels.
        remedy: What else can be done about labels that are not above 0.
        first: The index of the first row in the table.

    Raises:
        DataError: Labels are not above 0.
    """
    wrong = np.flatnonzero(numbers <= 0)
    if len(wrong):
        shown = ", ".join(f"row {first + row + 1} has {numbers[row]:g}" for row in wrong[:3].tolist())
        more = f" and {some_rows(len(wrong) - 3)} more have none above 0" if len(wrong) > 3 else ""
        raise DataError(
            f"Target {name!r} is learned on a log scale, which takes numbers above 0, but {shown}{more} "
            f"(rows count from 1, without a header). Correct these labels, leave them empty{remedy}."
        )
    return np.log(numbers)


def label_array(labels: Sequence[Label]) -> np.ndarray:
    """Put labels of one type in an array of that type; text, and integers beyond 64 bits, as objects.

    Example:
        >>> [label_array(labels).dtype.name for labels in ([False, True], [2, 7], ["a", "b"])]
        ['bool', 'int64', 'object']
    """
    first = labels[0]
    if isinstance(first, bool):
        return np.array(labels, dtype=bool)
    if isinstance(first, float):
        return np.array(labels, dtype=np.float64)
    whole = isinstance(first, int) and all(isinstance(n, int) and -(2**63) <= n < 2**63 for n in labels)
    return np.array(labels, dtype=np.int64 if whole else object)
