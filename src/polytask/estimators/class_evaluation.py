"""What a classifier of few examples gets right of others with labels."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from polytask.core import DataError, DataWarning
from polytask.core.names import counted
from polytask.core.warned import warn_all
from polytask.data.tables.problems import examples
from polytask.meta.heads.sharpness import calibration_gap
from polytask.meta.heads.softmax import softmax
from polytask.models.class_predictions import AskedOfClasses, class_predictions
from polytask.models.few_shot_classifier import FewShotClassifier

__all__ = ["evaluate_classes"]

_SAME = 1e-4  # relative: an encoder's rounding depends on what else is encoded at once


def evaluate_classes(
    model: FewShotClassifier, source: Any, labels: Any = None, *, stacklevel: int = 2
) -> pd.DataFrame:
    """Measure a classifier on labelled examples that it has not learned from.

    Args:
        model: The classifier.
        source: Labelled examples, as `polytask.adapt` takes them; rows of a table without a label are left
            out. Examples of other classes than the model's tell how many of them are called none of these.
        labels: One for each example, where they are not in the source.
        stacklevel: Whose line warnings point at; 2 for the caller's.

    Returns:
        A row for each class, those of the model first, after one for ``all``: the ``examples``; ``accuracy``,
        the share whose class was answered, be they called none of these or not; ``none``, the share that is
        called none of these unless asked otherwise; ``mistaken_for``, the most frequent wrong answer. For all
        together (examples of the model's classes alone) also ``log_loss`` in nats and ``calibration_error``,
        the expected one of 15 bins.

    Raises:
        DataError: The examples cannot be read, there is none, or none of a class that the model has.

    Warns:
        DataWarning: Something of the source is left out, or the model has learned from some examples.
    """
    given = model.read_labelled(source, labels)
    if not len(given):
        raise DataError("There is no example with a label to measure by. Give some.")
    warn_all(given.messages[1:], stacklevel=stacklevel)
    truth = np.asarray(given.labels, dtype=object)
    places = {name: place for place, name in enumerate(model.classes)}
    known = np.array([label in places for label in truth])
    if not known.any():
        raise DataError(
            f"No example is of a class of the model, {examples(model.classes)}; the labels are "
            f"{examples(sorted(set(truth)))}. Name classes alike, see `polytask classes`."
        )
    features = model.space.features(given.items)
    if learned := _n_learned(model, features):
        warnings.warn(
            f"The model has learned from {counted(learned, 'example')} of the {len(given)}, so the figures "
            "say too much. Measure by others.",
            DataWarning,
            stacklevel=stacklevel,
        )
    scores = model.scores(features)
    asked = AskedOfClasses(refuse=model.usual_refusal, sets=None, probabilities=False)
    found = class_predictions(model.head, scores, model.classes, asked)
    answers, none = np.asarray(found["class"], dtype=object), np.asarray(found["none"])

    def line(which: np.ndarray, *, of_model: bool) -> dict[str, Any]:
        wrong = pd.Series(answers[which & (answers != truth)], dtype=object).value_counts()
        return {
            "examples": int(which.sum()),
            "accuracy": float((answers == truth)[which].mean()) if of_model else np.nan,
            "none": float(none[which].mean()),
            "mistaken_for": "" if wrong.empty else str(wrong.index[0]),
        }

    shares = softmax(model.head.settings.sharpness * scores[known])  # [example, class]
    codes = np.array([places[label] for label in truth[known]])
    right = shares[np.arange(len(codes)), codes]
    total = line(known, of_model=True) | {
        "log_loss": float(-np.log(np.maximum(right, np.finfo(right.dtype).tiny)).mean()),
        "calibration_error": calibration_gap(shares, codes),
    }
    present = set(truth)
    names = [*(name for name in places if name in present), *sorted(present - places.keys())]
    by_class = {name: line(truth == name, of_model=name in places) for name in names}
    rows = {"(all)" if "all" in by_class else "all": total | {"mistaken_for": ""}} | by_class
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("class")


def _n_learned(model: FewShotClassifier, features: Tensor) -> int:
    """Count the examples that are among those that the model has learned from, by their features."""
    known, _ = model.examples.rows()
    ours = features.double().numpy()
    lengths = np.maximum(np.linalg.norm(ours, axis=1), 1e-12)
    n = 0
    for first in range(0, len(ours), 256):
        rows = ours[first : first + 256]
        squares = (rows**2).sum(1)[:, None] + (known**2).sum(1) - 2 * rows @ known.T
        near = np.sqrt(np.maximum(squares.min(1), 0)) <= _SAME * lengths[first : first + 256]
        n += int(near.sum())
    return n
