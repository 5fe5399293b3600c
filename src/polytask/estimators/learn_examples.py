"""Learn features from many known classes of texts, photos, sounds or vectors."""

import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask.core import DataError, DataWarning
from polytask.core.names import counted
from polytask.core.settings import SettingsCheck
from polytask.core.warned import warn_all
from polytask.data.examples.reading import read_examples
from polytask.estimators.adapt_examples import encoded_space
from polytask.fitting.feature_map import FeatureMap, learned_map
from polytask.models.learned_features import LearnedFeatures, LearnedFeaturesResults
from polytask.train.progress import phase, run_line

__all__ = ["check_known_classes", "learn_examples"]

_FEWEST_CLASSES = 6


def learn_examples(
    source: Any,
    labels: Sequence[Any] | None = None,
    *,
    kind: str | None = None,
    item_column: str | None = None,
    label_column: str | None = None,
    encoder: Any = None,
    seed: int = 0,
    progress: bool | None = None,
    stacklevel: int = 2,
) -> LearnedFeatures:
    """Learn features of examples of any kind; see `polytask.learn`.

    Raises:
        InputError: An argument is wrong, or the encoder is not at hand.
        DataError: The examples cannot be read, or there are too few classes.

    Warns:
        DataWarning: Something of the source is left out, or no map is clearly better than none.
    """
    check = SettingsCheck()
    seed = check.whole("seed", seed, least=0)
    shown = check.shown("progress", progress)
    check.done()
    start = time.perf_counter()
    with run_line("learn", shown=shown):
        phase("reading")
        examples = read_examples(
            source,
            labelled=True,
            labels=labels,
            kind=kind,
            item_column=item_column,
            label_column=label_column,
        )
        classes, codes = np.unique(np.asarray(examples.labels, dtype=object), return_inverse=True)
        check_known_classes(np.bincount(codes).tolist())
        phase("encoding")
        space, vectors, reasons = encoded_space(examples, encoder, stacklevel=stacklevel)
        phase("learning from known classes")
        about = f"{len(classes)} known classes"
        found = learned_map(space.joined(vectors), codes, about=about, seed=seed)
    warn_all(examples.messages[1:], stacklevel=stacklevel)
    results = _results(
        found,
        kind=examples.kind,
        n_classes=len(classes),
        n_examples=len(examples),
        encoders=tuple(view.name for view in space.views),
        seconds=time.perf_counter() - start,
        messages=(*examples.messages, *reasons),
    )
    if not results.learned:
        warnings.warn(results.words, DataWarning, stacklevel=stacklevel)
    return LearnedFeatures(
        space.with_map(found.map),
        origin=examples.origin,
        data={
            "examples": len(examples),
            "classes": len(classes),
            "known_tasks": found.known.to_json(),
            "learned": results.words,
            "seed": seed,
        },
        results=results,
    )


def check_known_classes(counts: Sequence[int]) -> None:
    """Refuse too few classes to learn from, by how many examples each has.

    Raises:
        DataError: Fewer than six have two examples or more.
    """
    n_useful = sum(count > 1 for count in counts)
    if n_useful < _FEWEST_CLASSES:
        raise DataError(
            f"{counted(n_useful, 'class has', 'classes have')} two examples or more; at least "
            f"{_FEWEST_CLASSES} are needed to learn from known classes how to tell new ones. Add some, or "
            "adapt to these classes at once, which needs no learning."
        )


def _results(
    found: FeatureMap,
    *,
    kind: str,
    n_classes: int,
    n_examples: int,
    encoders: tuple[str, ...],
    seconds: float,
    messages: tuple[str, ...],
) -> LearnedFeaturesResults:
    names = ["none" if trial.strength is None else f"{trial.strength:g}" for trial in found.trials]
    chosen = next(trial for trial in found.trials if trial.chosen)
    maps = [trial for trial in found.trials if trial.strength is not None]
    best = max(maps, key=lambda trial: trial.gain.mean) if chosen.strength is None else chosen
    return LearnedFeaturesResults(
        kind=kind,
        n_classes=n_classes,
        n_examples=n_examples,
        encoders=encoders,
        trials={name: trial.accuracy for name, trial in zip(names, found.trials, strict=True)},
        gain=best.gain,
        chosen=next(name for name, trial in zip(names, found.trials, strict=True) if trial.chosen),
        seconds=seconds,
        messages=messages,
    )
