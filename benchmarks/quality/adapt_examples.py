"""`polytask.adapt` with its defaults on texts, sounds and images, against the simplest rivals.

    POLYTASK_DATA=folder python benchmarks/quality/adapt_examples.py            # all; about half an hour
    POLYTASK_DATA=folder python benchmarks/quality/adapt_examples.py intents-30 # one

The weights of the encoders must be there (``polytask models fetch``). Each draw chooses classes and their
examples anew; everything else of the official test part is predicted. "None of these" is judged where unknown
examples exist: requests out of scope for intents, and drawings of classes that were not drawn. Written are
accuracy, the expected calibration error, the AUROC of "none of these", and which shares of known and of
unknown examples are called so, each as mean and deviation over draws, with the accuracy of rivals on the
same draws. Adds to ``results/adapt-examples.json``, setting by setting.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from results import write_results  # beside this file
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

import polytask
from polytask.data.examples.sounds import Sound
from polytask.datasets.clinc150 import clinc
from polytask.datasets.free_spoken_digits import spoken_digits
from polytask.datasets.omniglot_drawings import omniglot
from polytask.encoders import frozen_encoder
from polytask.encoders.frozen_features import frozen_features
from polytask.meta.heads.sharpness import expected_calibration_error
from polytask.models import FewShotClassifier
from polytask.models.typicality import confidence

RESULTS = Path(__file__).parent / "results" / "adapt-examples.json"
DRAWS = 3
MOST_QUERIES = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A support, what is to be predicted, and what belongs to no class."""

    support: Sequence[Any]
    labels: Sequence[str]
    queries: Sequence[Any]
    truth: Sequence[str]
    unknown: Sequence[Any] = ()


Rival = Callable[[Draw], Sequence[str]]


def intents(way: int, shot: int) -> Callable[[int], list[Draw]]:
    def drawn(seed: int) -> list[Draw]:
        data, draws = clinc(), np.random.default_rng(seed)
        texts, labels = np.array(data.queries, dtype=object), data.intents.numpy()
        part = np.array(data.parts)
        classes = draws.permutation(len(data.intent_names))[:way]
        rows = [
            draws.permutation(np.flatnonzero((labels == one) & (part == "train")))[:shot] for one in classes
        ]
        asked = np.flatnonzero(np.isin(labels, classes) & (part == "test"))
        return [
            Draw(
                support=[texts[row] for chosen in rows for row in chosen],
                labels=[data.intent_names[one] for one in classes for _ in range(shot)],
                queries=list(texts[asked])[:MOST_QUERIES],
                truth=[data.intent_names[one] for one in labels[asked][:MOST_QUERIES]],
                unknown=list(texts[(labels == -1) & (part == "test")])[:MOST_QUERIES],
            )
        ]

    return drawn


def new_speakers(shot: int) -> Callable[[int], list[Draw]]:
    def drawn(seed: int) -> list[Draw]:
        data, draws = spoken_digits(), np.random.default_rng(seed)
        sounds = [Sound(wave.numpy(), 8000) for wave in data.waves]
        digits, speakers = data.digits.numpy(), data.speakers.numpy()
        found = []
        for speaker in range(len(data.speaker_names)):
            rows = np.concatenate(
                [
                    draws.permutation(np.flatnonzero((digits == digit) & (speakers == speaker)))[:shot]
                    for digit in range(10)
                ]
            )
            asked = np.setdiff1d(np.flatnonzero(speakers == speaker), rows)
            found.append(
                Draw(
                    support=[sounds[row] for row in rows],
                    labels=[str(digits[row]) for row in rows],
                    queries=[sounds[row] for row in asked],
                    truth=[str(digits[row]) for row in asked],
                )
            )
        return found

    return drawn


def drawings(way: int, shot: int) -> Callable[[int], list[Draw]]:
    def drawn(seed: int) -> list[Draw]:
        data, draws = omniglot("test", size=56), np.random.default_rng(seed)
        labels = data.labels.numpy()
        images = (data.inputs.expand(-1, 3, -1, -1).permute(0, 2, 3, 1) * 255).byte().numpy()
        found = []
        for _ in range(5):
            classes = draws.permutation(data.n_classes)[: 2 * way]
            rows = {one: draws.permutation(np.flatnonzero(labels == one)) for one in classes}
            known, others = classes[:way], classes[way:]
            found.append(
                Draw(
                    support=[images[row] for one in known for row in rows[one][:shot]],
                    labels=[data.class_names[one] for one in known for _ in range(shot)],
                    queries=[images[row] for one in known for row in rows[one][shot : shot + 10]],
                    truth=[data.class_names[one] for one in known for _ in rows[one][shot : shot + 10]],
                    unknown=[images[row] for one in others for row in rows[one][:10]],
                )
            )
        return found

    return drawn


def by_words(draw: Draw) -> Sequence[str]:
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=30, max_iter=500))
    return list(model.fit(list(draw.support), list(draw.labels)).predict(list(draw.queries)))


def by_prototypes(encoder: str) -> Rival:
    def told(draw: Draw) -> Sequence[str]:
        one = frozen_encoder(encoder)
        rows, asked = (frozen_features(one, list(items)).numpy() for items in (draw.support, draw.queries))
        return nearest_mean(rows, draw.labels, asked)

    return told


def by_pixels(draw: Draw) -> Sequence[str]:
    rows, asked = (
        np.stack([np.ravel(item) for item in items]) / 255 for items in (draw.support, draw.queries)
    )
    return nearest_mean(rows, draw.labels, asked)


def nearest_mean(rows: np.ndarray, labels: Sequence[str], asked: np.ndarray) -> list[str]:
    names = sorted(set(labels))
    means = np.stack([rows[np.array(labels) == name].mean(0) for name in names])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return [names[index] for index in (asked @ means.T).argmax(1)]


SETTINGS: dict[str, tuple[Callable[[int], list[Draw]], dict[str, Rival]]] = {
    "intents-150-ways-5-shots": (
        intents(150, 5),
        {"TF-IDF + logistic regression": by_words, "MiniLM prototypes": by_prototypes("minilm")},
    ),
    "intents-30-ways-5-shots": (
        intents(30, 5),
        {"TF-IDF + logistic regression": by_words, "MiniLM prototypes": by_prototypes("minilm")},
    ),
    "intents-30-ways-1-shot": (
        intents(30, 1),
        {"TF-IDF + logistic regression": by_words, "MiniLM prototypes": by_prototypes("minilm")},
    ),
    "a-new-speakers-digits-5-shots": (new_speakers(5), {"embedding prototypes": by_prototypes("speech")}),
    "a-new-speakers-digits-1-shot": (new_speakers(1), {"embedding prototypes": by_prototypes("speech")}),
    **{
        f"drawings-{way}-ways-{shot}-shot{'s' * (shot > 1)}": (
            drawings(way, shot),
            {
                "pixels, nearest mean": by_pixels,
                "EfficientNet prototypes": by_prototypes("efficientnet-lite0"),
                "drawing prototypes": by_prototypes("drawings"),
            },
        )
        for way, shot in ((20, 5), (20, 1), (5, 5), (5, 1))
    },
}


def judged(draw: Draw) -> dict[str, float]:
    """Adapt, predict, and measure."""
    start = time.perf_counter()
    model = polytask.adapt(list(draw.support), list(draw.labels))
    adapted = time.perf_counter()
    rows = list(draw.queries)
    scores = model.scores(model.space.features(rows))
    told = model.predict(rows, refuse=0.05)
    place = {name: index for index, name in enumerate(model.classes)}
    truth = np.array([place[name] for name in draw.truth])
    found = {
        "accuracy": float((told["class"].to_numpy() == np.array(draw.truth)).mean()),
        "calibration error": expected_calibration_error(scores, truth, model.settings.sharpness),
        "calibration error of true probabilities": error_of_true_probabilities(
            scores, model.settings.sharpness
        ),
        "known called none": float(told["none"].mean()),
        "seconds to adapt": adapted - start,
        "mean probability": float(softmax(model.settings.sharpness * scores, axis=1).max(1).mean()),
    }
    return found | (unknown_figures(model, scores, draw.unknown) if len(draw.unknown) else {})


def error_of_true_probabilities(scores: np.ndarray, sharpness: float) -> float:
    """Return the calibration error where labels are drawn from the probabilities: what few queries leave.

    Args:
        scores: ``[query, class]``.
        sharpness: By which they become logits.
    """
    ends = softmax(sharpness * scores.astype(float), axis=1).cumsum(1)
    found = []
    for seed in range(20):
        draws = np.random.default_rng(seed).random((len(scores), 1))
        labels = np.minimum((ends < draws).sum(1), scores.shape[1] - 1)
        found.append(expected_calibration_error(scores, labels, sharpness))
    return float(np.mean(found))


def unknown_figures(model: FewShotClassifier, known: np.ndarray, unknown: Sequence[Any]) -> dict[str, float]:
    others = model.scores(model.space.features(list(unknown)))
    sharpness = model.settings.sharpness
    values = np.concatenate([confidence(known, sharpness), confidence(others, sharpness)])
    truth = np.concatenate([np.ones(len(known)), np.zeros(len(others))])
    return {
        "AUROC of none": float(roc_auc_score(truth, values)),
        "unknown called none": float(model.predict(list(unknown), refuse=0.05)["none"].mean()),
    }


def summary(cells: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    """Return mean and standard deviation over draws."""
    return {
        name: [float(np.mean([cell[name] for cell in cells])), float(np.std([cell[name] for cell in cells]))]
        for name in cells[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("settings", nargs="*", help=", ".join(SETTINGS))
    asked = parser.parse_args().settings
    chosen = [name for name in SETTINGS if not asked or any(name.startswith(one) for one in asked)]
    warnings.simplefilter("ignore")
    figures = json.loads(RESULTS.read_text())["figures"] if RESULTS.exists() else {}
    for name in chosen:
        draws, rivals = SETTINGS[name]
        cells: list[dict[str, float]] = []
        for seed in range(DRAWS):
            for draw in draws(seed):
                cell = judged(draw)
                for rival, told in rivals.items():
                    right = np.array(told(draw)) == np.array(draw.truth)
                    cell[f"accuracy of {rival}"] = float(right.mean())
                cells.append(cell)
        figures[name] = summary(cells)
        print(
            name,
            {key: [round(value, 4) for value in pair] for key, pair in figures[name].items()},
            flush=True,
        )
        write_results(
            RESULTS,
            setting={"draws": DRAWS},
            figures=figures,
            seed=range(DRAWS),
            split="classes and examples drawn anew; official test parts, or other recordings, are judged",
        )


if __name__ == "__main__":
    main()
