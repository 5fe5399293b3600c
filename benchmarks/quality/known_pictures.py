"""How sure one picture of each class may make, by many kinds of pictures; adds to `models/known_tasks.json`.

    python benchmarks/quality/known_pictures.py FOLDER     # some minutes

``FOLDER`` holds unpacked packages, see `picture_sets.py`; none of the sets of `unseen_sets.py` is read.
Weights of encoders must be there (``polytask models fetch``). As in `known_tasks.py` classes are drawn from
each set, one example each, and the sharpness is that of the lowest log loss, where every set counts alike.
What is typical is the mixture of the sets, every set alike. Each set is then judged by a sharpness and
references that were learned from the other sets. Writes results/known-pictures.json, and the entries of the
encoders of photos; those of drawings and all other encoders are `known_tasks.py`'s.
"""

import argparse
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import known_tasks  # beside this file
import numpy as np
import torch
from adapt_examples import error_of_true_probabilities
from known_tasks import FILE, N_QUANTILES, Known, Scored, best_sharpness, tasks, write_known
from picture_sets import PICTURES
from results import write_results
from unseen_sets import ByClass

from polytask.core import DataError, mean_interval
from polytask.encoders import frozen_encoder
from polytask.meta.heads.sharpness import expected_calibration_error
from polytask.models.typicality import confidence, typicality

RESULTS = Path(__file__).parent / "results" / "known-pictures.json"
MOST_CLASSES, MOST_OF_A_CLASS = 20, 10
WAYS = (5, 10, 20, 60)  # as far as a set has classes
BEFORE = 20.0  # the sharpness of class means where nothing is known
OF_PHOTOS = ("efficientnet-lite0", "colour-gradients")
ABOUT = "pictures out of games, icons and photos"


def known(name: str, found: ByClass) -> Known:
    """Keep some pictures of some classes."""
    if len(found) < 2:
        raise DataError(f"There are no pictures of {name}. Unpack the packages of `picture_sets.py` first.")
    draws = np.random.default_rng(0)
    names = list(found)
    if len(names) > MOST_CLASSES:
        names = [names[index] for index in draws.permutation(len(names))[:MOST_CLASSES]]
    chosen = {one: draws.permutation(len(found[one]))[:MOST_OF_A_CLASS] for one in names}
    pairs = [(place, found[one][row]) for place, one in enumerate(names) for row in chosen[one]]
    labels = np.array([place for place, _ in pairs])
    return Known(about=name, items=[item for _, item in pairs], labels=labels, groups=np.zeros(len(pairs)))


def typical(of_sets: Sequence[Sequence[Scored]], sharpness: float) -> np.ndarray:
    """Return how well queries fit, by rank, of the mixture in which every set counts alike."""
    levels = np.linspace(0, 1, N_QUANTILES)
    fits = [np.concatenate([confidence(scores, sharpness) for scores, _ in own]) for own in of_sets]
    return np.quantile(np.concatenate([np.quantile(own, levels) for own in fits]), levels)


def judged(own: Sequence[Scored], others: Sequence[Sequence[Scored]]) -> dict[str, Any]:
    """Judge a set by what the others say, and by what was taken where nothing is known."""
    sharpness = best_sharpness(others)
    references = typical(others, sharpness)

    def mean(values: Sequence[float]) -> dict[str, Any]:
        return mean_interval(values).to_json()

    def refused(scores: np.ndarray) -> float:
        return float((typicality(confidence(scores, sharpness), references) <= 0.05).mean())

    return {
        "accuracy": mean([float((scores.argmax(1) == labels).mean()) for scores, labels in own]),
        "best sharpness": round(best_sharpness([own]), 1),
        "sharpness of the other sets": round(sharpness, 1),
        "calibration error before": mean([expected_calibration_error(*task, BEFORE) for task in own]),
        "calibration error": mean([expected_calibration_error(*task, sharpness) for task in own]),
        "calibration error of true probabilities": mean(
            [error_of_true_probabilities(scores, sharpness) for scores, _ in own]
        ),
        "known called none": mean([refused(scores) for scores, _ in own]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="with the unpacked packages")
    parser.add_argument("encoders", nargs="*", help=f"{', '.join(OF_PHOTOS)}; else all")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    known_tasks.WAYS = WAYS
    sets = [known(name, load(asked.folder)) for name, load in PICTURES.items()]
    figures: dict[str, Any] = json.loads(RESULTS.read_text())["figures"] if RESULTS.exists() else {}
    entries: dict[str, Any] = {}
    for name in asked.encoders or OF_PHOTOS:
        scored = [tasks(one, [frozen_encoder(name)]) for one in sets]
        for place, one in enumerate(sets):
            others = [own for index, own in enumerate(scored) if index != place]
            figures.setdefault(name, {})[one.about] = row = judged(scored[place], others)
            print(
                name,
                one.about,
                {key: held["mean"] if isinstance(held, dict) else held for key, held in row.items()},
            )
        sharpness = best_sharpness(scored)
        entries[name] = {
            "sharpness": round(sharpness, 3),
            "references": [round(float(value), 5) for value in typical(scored, sharpness)],
            "about": ABOUT,
        }
        print(name, entries[name]["sharpness"], flush=True)
    write_known(entries, FILE)
    setting = {"ways": WAYS, "examples a class": 1, "tasks of each set": known_tasks.N_TASKS}
    write_results(RESULTS, setting=setting, figures=figures, seed=0, split="each set is judged by the others")


if __name__ == "__main__":
    main()
