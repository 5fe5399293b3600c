"""`polytask.learn` on half of the intents, or on some speakers, against `polytask.adapt` without learning.

    POLYTASK_DATA=folder python benchmarks/quality/learn_examples.py            # both; some ten minutes
    POLYTASK_DATA=folder python benchmarks/quality/learn_examples.py speakers   # one

Intents: of CLINC150's 150, 75 that are drawn are known, with 40 training queries each; the other 75 are new
and learned from 1 and 5 examples each, and judged on their test queries. Speakers: digits of four of the six
speakers of Free Spoken Digits are known, 40 classes; the ten digits of each other speaker are new. Both
models get the same examples, with the encoders and heads that they choose themselves. Three draws;
accuracies, the expected calibration error, and what the learning said of held-out known classes. Writes
``results/learn-examples.json``, setting by setting. The weights of the encoders must be there.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from results import write_results  # beside this file

import polytask
from polytask.data.examples.sounds import Sound
from polytask.datasets.clinc150 import clinc
from polytask.datasets.free_spoken_digits import spoken_digits
from polytask.models import FewShotClassifier

RESULTS = Path(__file__).parent / "results" / "learn-examples.json"
DRAWS = 3
SHOTS = (1, 5)
N_KNOWN = 40  # examples of a known class
MOST_QUERIES = 1500
BINS = 15

Rows = np.ndarray
Setting = Callable[[int], tuple[Sequence[Any], np.ndarray, Rows, list[tuple[Rows, Rows]]]]
"""From a draw to items, classes, known rows, and for each new task rows to learn from and to judge by."""


def intents(draw: int) -> tuple[Sequence[Any], np.ndarray, Rows, list[tuple[Rows, Rows]]]:
    data = clinc()
    numbers, parts = data.intents.numpy(), np.array(data.parts)
    names = np.random.default_rng(draw).permutation(150)
    train, test = ((parts == part) & (numbers >= 0) for part in ("train", "test"))
    known = first_of(numbers, np.flatnonzero(train & np.isin(numbers, names[:75])), N_KNOWN, draw)
    new = np.isin(numbers, names[75:])
    return data.queries, numbers, known, [(np.flatnonzero(train & new), np.flatnonzero(test & new))]


def speakers(draw: int) -> tuple[Sequence[Any], np.ndarray, Rows, list[tuple[Rows, Rows]]]:
    data = spoken_digits()
    who = data.speakers.numpy()
    labels = data.digits.numpy() + 10 * who
    order = np.random.default_rng(draw).permutation(6)
    known = first_of(labels, np.flatnonzero(np.isin(who, order[:4])), N_KNOWN, draw)
    tasks: list[tuple[Rows, Rows]] = []
    for speaker in order[4:]:
        rows = np.random.default_rng(draw).permutation(np.flatnonzero(who == speaker))
        tasks.append((rows[: len(rows) // 2], rows[len(rows) // 2 :]))
    return [Sound(wave.numpy(), 8000) for wave in data.waves], labels, known, tasks


SETTINGS: dict[str, Setting] = {"intents": intents, "speakers": speakers}


def first_of(labels: np.ndarray, rows: np.ndarray, count: int, draw: int) -> np.ndarray:
    """Draw so many rows of each class."""
    order = np.random.default_rng([draw, 1]).permutation(rows)
    return np.concatenate([order[labels[order] == label][:count] for label in np.unique(labels[rows])])


def calibration_error(right: np.ndarray, sure: np.ndarray) -> float:
    """Return the expected calibration error over bins of equal width."""
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    parts = [place == one for one in range(BINS)]
    return float(
        sum(part.mean() * abs(right[part].mean() - sure[part].mean()) for part in parts if part.any())
    )


def judged(model: FewShotClassifier, queries: list[Any], truth: np.ndarray) -> dict[str, float]:
    found = model.predict(queries)
    right = found["class"].to_numpy() == truth
    return {
        "accuracy": float(right.mean()),
        "calibration error": calibration_error(right, found["probability"].to_numpy(float)),
    }


def run(name: str) -> dict[str, Any]:
    figures: dict[str, list[float]] = {}
    told = []
    for draw in range(DRAWS):
        items, labels, known, tasks = SETTINGS[name](draw)
        start = time.process_time()
        model = polytask.learn(
            [items[row] for row in known],
            labels=[str(labels[row]) for row in known],
            kind="text" if name == "intents" else "sound",
            seed=draw,
            progress=False,
        )
        seconds = time.process_time() - start
        assert model.results is not None
        told.append(
            {"chosen": model.results.chosen, "gain": model.results.gain.to_json(), "seconds": seconds}
        )
        for shot in SHOTS:
            for number, (learnable, asked) in enumerate(tasks):
                support = first_of(labels, np.asarray(learnable), shot, 10 * draw + number)
                queries = np.random.default_rng(draw).permutation(asked)[:MOST_QUERIES]
                given = [str(labels[row]) for row in support]
                truth = np.array([str(labels[row]) for row in queries], dtype=object)
                texts = [items[row] for row in support]
                for way, made in (
                    ("learned", model.adapt(texts, given)),
                    ("adapt alone", polytask.adapt(texts, given)),
                ):
                    found = judged(made, [items[row] for row in queries], truth)
                    for figure, value in found.items():
                        figures.setdefault(f"{shot} examples, {way}, {figure}", []).append(value)
    return {
        **{key: {"mean": float(np.mean(held)), "sd": float(np.std(held))} for key, held in figures.items()},
        "learning": told,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", nargs="*", default=list(SETTINGS), choices=[[], *SETTINGS])
    names = parser.parse_args().settings or list(SETTINGS)
    warnings.simplefilter(
        "ignore"
    )  # one example a class, and learning that does not help, are what is measured
    figures = json.loads(RESULTS.read_text())["figures"] if RESULTS.is_file() else {}
    for name in names:
        figures[name] = run(name)
        print(json.dumps({name: figures[name]}, indent=2))
        setting = {"draws": DRAWS, "examples of a known class": N_KNOWN, "most queries": MOST_QUERIES}
        write_results(
            RESULTS,
            setting=setting,
            figures=figures,
            seed=range(DRAWS),
            split="known and new classes drawn anew",
        )


if __name__ == "__main__":
    main()
