"""How well features that were learned from known classes tell new classes apart, by few examples."""

from typing import Any

import numpy as np
import pandas as pd

from polytask.core import DataError, mean_interval
from polytask.core.names import counted
from polytask.core.settings import SettingsCheck
from polytask.core.warned import warn_all
from polytask.fitting.feature_map import SHOTS, accuracy_of, episodes_of
from polytask.models.learned_features import LearnedFeatures

__all__ = ["evaluate_new_classes"]


def evaluate_new_classes(
    model: LearnedFeatures, source: Any, labels: Any = None, *, seed: int = 0, stacklevel: int = 2
) -> pd.DataFrame:
    """Measure learned features on new classes, in episodes of 1 and 5 labelled examples of each.

    An episode has all classes, or 50 that are drawn; the examples of each are drawn, too, and up to 10 others
    of it are told by the nearest class mean. Twenty episodes each.

    Args:
        model: The model.
        source: Labelled examples of classes that the model has not learned from, as `LearnedFeatures.adapt`
            takes them.
        labels: One for each example, where they are not in the source.
        seed: Decides the episodes.
        stacklevel: Whose line warnings point at; 2 for the caller's.

    Returns:
        A row for each number of examples: the ``classes`` that have more, how many an episode tells apart
        (``way``), ``accuracy`` with the half width of its 95 % interval over episodes, and, where a map was
        learned, ``frozen_accuracy`` without it, and the ``gain`` in the same episodes, with its half width.

    Raises:
        DataError: The examples cannot be read, are of one class, or no two classes have two examples.

    Warns:
        DataWarning: Something of the source is left out.
    """
    check = SettingsCheck()
    seed = check.whole("seed", seed, least=0)
    check.done()
    examples = model.read_labelled(source, labels)
    warn_all(examples.messages[1:], stacklevel=stacklevel)
    codes = np.unique(np.asarray(examples.labels, dtype=object), return_inverse=True)[1]
    counts = np.bincount(codes)
    if (counts > 1).sum() < 2:
        raise DataError(
            f"{counted(int((counts > 1).sum()), 'class has', 'classes have')} two examples or more, one to "
            "show and one to judge by; at least 2 are needed. Give more examples of each."
        )
    mapped = model.space.features(examples.items)
    frozen = None if model.space.map is None else model.space.with_map(None).features(examples.items)
    rows = []
    for shot in SHOTS:
        episodes = episodes_of(codes, np.arange(len(counts)), shot, seed=seed)
        if not episodes:
            continue
        right = [accuracy_of(mapped, *episode) for episode in episodes]
        accuracy = mean_interval(right)
        row = {
            "examples": shot,
            "classes": int((counts > shot).sum()),
            "way": len(np.unique(episodes[0][1])),
            "accuracy": accuracy.mean,
            "accuracy_half_width": accuracy.half_width,
        }
        if frozen is not None:
            plain = [accuracy_of(frozen, *episode) for episode in episodes]
            gain = mean_interval([ours - theirs for ours, theirs in zip(right, plain, strict=True)])
            row |= {"frozen_accuracy": float(np.mean(plain)), "gain": gain.mean}
            row |= {"gain_half_width": gain.half_width}
        rows.append(row)
    return pd.DataFrame(rows).set_index("examples")
