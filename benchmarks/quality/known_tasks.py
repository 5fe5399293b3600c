"""What tasks of one example a class have in common, for supports that say nothing: `models/known_tasks.json`.

    POLYTASK_DATA=folder python benchmarks/quality/known_tasks.py

With one example of each class nothing can be left out, so that neither how sure probabilities are nor what is
typical can be learned from the support. Both are learned from other tasks here: classes are drawn from known
datasets, 5 to 60 at once, one example each; the sharpness is the one of the lowest log loss over all tasks,
and the references are quantiles of how well other examples of these classes fit. Weights of encoders must be
there (``polytask models fetch``). Only data that are not for testing are read: the training part of CLINC150,
titles of Fashion Product Images, all spoken digits, and the training part of Omniglot; of other pictures
`known_pictures.py` learns. The file is part of the package.
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize_scalar

from polytask.core.files import write_atomically
from polytask.data.examples.sounds import Sound
from polytask.datasets.clinc150 import clinc
from polytask.datasets.fashion import fashion_titles
from polytask.datasets.free_spoken_digits import spoken_digits
from polytask.datasets.omniglot_drawings import omniglot
from polytask.encoders import FrozenEncoder, frozen_encoder
from polytask.encoders.frozen_features import frozen_features
from polytask.meta.heads.class_means import class_means
from polytask.meta.heads.sharpness import log_losses
from polytask.models.feature_space import FeatureSpace
from polytask.models.typicality import confidence

FILE = Path(__file__).parents[2] / "src" / "polytask" / "models" / "known_tasks.json"
WAYS = (5, 10, 20, 60)
N_TASKS = 30  # of each dataset and number of classes
N_QUERIES = 10  # of each class
N_QUANTILES = 199
MOST_OF_A_CLASS = 40
Scored = tuple[np.ndarray, np.ndarray]
"""Scores ``[query, class]`` and labels ``[query]`` of a task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A dataset: items, the class of each, and a group; a task has classes of one group."""

    about: str
    items: Sequence[Any]
    labels: np.ndarray
    groups: np.ndarray


def intents() -> Known:
    data = clinc()
    rows = np.flatnonzero(np.array(data.parts) == "train")
    rows = rows[data.intents.numpy()[rows] >= 0]
    labels = data.intents.numpy()[rows]
    return thinned("CLINC150", [data.queries[row] for row in rows], labels, np.zeros(len(rows)))


def titles() -> Known:
    data = fashion_titles().dropna(subset=["articleType"])
    data = data[data["title"] != ""]
    codes, _ = pd.factorize(data["articleType"])
    return thinned("Fashion Product Images", data["title"].tolist(), codes, np.zeros(len(data)))


def speakers() -> Known:
    data = spoken_digits()
    sounds = [Sound(wave.numpy(), 8000) for wave in data.waves]
    return thinned(
        "Free Spoken Digits", sounds, data.digits.numpy() + 10 * data.speakers.numpy(), data.speakers.numpy()
    )


def drawings() -> Known:
    data = omniglot("train", size=56)
    images = (data.inputs.expand(-1, 3, -1, -1).permute(0, 2, 3, 1) * 255).byte().numpy()
    return thinned("Omniglot", list(images), data.labels.numpy(), np.zeros(len(images)))


def thinned(about: str, items: Sequence[Any], labels: np.ndarray, groups: np.ndarray) -> Known:
    """Keep some examples of classes that have enough."""
    draws = np.random.default_rng(0)
    rows: list[int] = []
    for label in np.unique(labels):
        own = draws.permutation(np.flatnonzero(labels == label))[:MOST_OF_A_CLASS]
        rows += own.tolist() if len(own) > N_QUERIES else []
    return Known(about=about, items=[items[row] for row in rows], labels=labels[rows], groups=groups[rows])


def tasks(known: Known, encoders: Sequence[FrozenEncoder]) -> list[Scored]:
    """Return scores and labels of queries, task by task."""
    vectors = [frozen_features(encoder, known.items) for encoder in encoders]
    weights = [1.0, 0.7][: len(encoders)]
    found = []
    for way in WAYS:
        for index in range(N_TASKS):
            draws = np.random.default_rng([way, index])
            group = draws.choice(np.unique(known.groups))
            classes = np.unique(known.labels[known.groups == group])
            if len(classes) < way:
                continue
            rows = [
                draws.permutation(np.flatnonzero(known.labels == one))
                for one in draws.permutation(classes)[:way]
            ]
            support, queries = (
                [own[0] for own in rows],
                np.concatenate([own[1 : 1 + N_QUERIES] for own in rows]),
            )
            labels = np.concatenate(
                [np.full(len(own[1 : 1 + N_QUERIES]), place) for place, own in enumerate(rows)]
            )
            space = FeatureSpace.of("text", encoders, [held[support] for held in vectors], weights)
            head = class_means(
                space.joined([held[support] for held in vectors]).double().numpy(), np.arange(way), way, 1.0
            )
            found.append(
                (head.scores(space.joined([held[queries] for held in vectors]).double().numpy()), labels)
            )
    return found


def best_sharpness(by_set: Sequence[Sequence[Scored]]) -> float:
    """Return the sharpness of the lowest log loss; every dataset and task counts alike."""

    def loss(logarithm: float) -> float:
        sharpness = float(np.exp(logarithm))
        return float(
            np.mean([np.mean([log_losses(*task, sharpness).mean() for task in own]) for own in by_set])
        )

    return float(np.exp(minimize_scalar(loss, bounds=(0, 6), method="bounded").x))


def learned(of_sets: Sequence[Known], encoders: Sequence[FrozenEncoder]) -> dict[str, Any]:
    by_set = [tasks(known, encoders) for known in of_sets]

    sharpness = best_sharpness(by_set)
    fits = [np.concatenate([confidence(scores, sharpness) for scores, _ in own]) for own in by_set]
    levels = np.linspace(0, 1, N_QUANTILES)
    quantiles = np.mean([np.quantile(own, levels) for own in fits], axis=0)
    return {
        "sharpness": round(sharpness, 3),
        "references": [round(float(value), 5) for value in quantiles],
        "about": " and ".join(known.about for known in of_sets),
    }


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    texts = [intents(), titles()]
    corpus = [item for known in texts for item in known.items[:500]]
    words = frozen_encoder("hashed-text", corpus=corpus)
    sounds, images = [speakers()], [drawings()]
    cells: dict[str, tuple[list[Known], list[FrozenEncoder]]] = {
        "minilm-3-layers+hashed-text": (texts, [frozen_encoder("minilm-3-layers"), words]),
        "hashed-text": (texts, [words]),
        "speech": (sounds, [frozen_encoder("speech")]),
        "drawings": (images, [frozen_encoder("drawings")]),
        "log-mel-statistics": (sounds, [frozen_encoder("log-mel-statistics")]),
    }
    found = {}
    for name, (sets, encoders) in cells.items():
        found[name] = learned(sets, encoders)
        print(name, found[name]["sharpness"], found[name]["references"][:: N_QUANTILES // 10], flush=True)
    write_known(found, FILE)


def write_known(found: dict[str, Any], file: Path) -> None:
    """Put entries into a file, beside those of other encoders."""
    held = json.loads(file.read_text())["encoders"] if file.exists() else {}
    made_by = "benchmarks/quality/known_tasks.py and known_pictures.py"
    content = json.dumps({"made by": made_by, "encoders": held | found}, indent=1) + "\n"
    write_atomically(file, lambda opened: opened.write(content.encode()))


if __name__ == "__main__":
    main()
