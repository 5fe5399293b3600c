"""What a classifier says of examples: the class, how sure and how typical that is, and what else is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polytask.core import InputError
from polytask.meta.heads.softmax import softmax
from polytask.models.class_sets import written_set
from polytask.models.classifier_head import ClassifierHead
from polytask.models.typicality import confidence, conformal_level, typicality

__all__ = ["AskedOfClasses", "class_predictions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOfClasses:
    """What is asked of classes.

    Args:
        refuse: Which share of examples of known classes may be called none of these.
        sets: The share of sets of classes that shall hold the right one; None for no sets.
        probabilities: Whether the probability of every class is told.

    Raises:
        InputError: A share is out of range.
    """

    refuse: float
    sets: float | None
    probabilities: bool

    def __post_init__(self) -> None:
        for name, value in (("refuse", self.refuse), ("sets", 0.5 if self.sets is None else self.sets)):
            least = 0 if name == "refuse" else 1e-9
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < 1:
                raise InputError(f"`{name}` must be a share below 1 such as 0.05, got {value!r}.")


def class_predictions(
    head: ClassifierHead, scores: np.ndarray, classes: Sequence[str], asked: AskedOfClasses
) -> dict[str, Any]:
    """Turn scores into the columns of a table; see `polytask.models.FewShotClassifier.predict`.

    Args:
        head: The head.
        scores: What it says of the examples, ``[example, class]``.
        classes: The names of the classes.
        asked: What is asked.
    """
    shares = softmax(head.settings.sharpness * scores)  # [example, class]
    best = scores.argmax(1)
    typical = typicality(confidence(scores, head.settings.sharpness), head.references.numpy())
    names = np.asarray(classes, dtype=object)
    columns: dict[str, Any] = {
        "class": names[best],
        "probability": shares[np.arange(len(best)), best],
        "typicality": typical,
        "none": typical <= asked.refuse,
    }
    if asked.sets is not None:
        level = conformal_level(head.losses.numpy(), asked.sets)
        columns["set"] = [
            written_set(names[(1 - row <= level) | (row == row.max())].tolist()) for row in shares
        ]
    if asked.probabilities:
        columns |= {f"p({name})": shares[:, index] for index, name in enumerate(classes)}
    return columns
