"""How honest can probabilities be with one example a class? What the best sharpness in hindsight leaves.

    POLYTASK_DATA=folder python benchmarks/quality/one_example_calibration.py     # some minutes

Tasks of 30 classes with one text each, from the training part of CLINC150 and from product titles, by class
means on the features of `polytask.adapt`. The expected calibration error is that of the sharpness in use
(`models/known_tasks.json`), of the one that is best for all tasks of the set, and of the one that is best for
each task: the last two need the labels of the queries. "Of true probabilities" is what the measure itself
gives where labels are drawn from the probabilities: no method can be below it. Writes
results/one-example-calibration.json.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import known_tasks
import numpy as np
import torch
from known_tasks import Known, intents, titles
from results import write_results
from scipy.optimize import minimize_scalar

from polytask.core import mean_interval
from polytask.encoders import frozen_encoder
from polytask.meta.heads.sharpness import expected_calibration_error, log_losses
from polytask.meta.heads.softmax import softmax
from polytask.models.known_tasks import known_tasks as what_is_known

RESULTS = Path(__file__).parent / "results" / "one-example-calibration.json"
ENCODERS = ("minilm-3-layers", "hashed-text")
N_CLASSES, N_TASKS, N_QUERIES = 30, 12, 39
Scored = tuple[np.ndarray, np.ndarray]


def best(tasks: Sequence[Scored]) -> float:
    def loss(logarithm: float) -> float:
        return float(np.mean([log_losses(*task, float(np.exp(logarithm))).mean() for task in tasks]))

    return float(np.exp(minimize_scalar(loss, bounds=(0, 6), method="bounded").x))


def drawn(task: Scored, sharpness: float) -> Scored:
    """Return the scores with labels drawn from the probabilities that they give."""
    scores = task[0]
    draws = np.random.default_rng(0).random((len(scores), 1))
    labels = (softmax(sharpness * scores).cumsum(1) < draws).sum(1)
    return scores, np.minimum(labels, scores.shape[1] - 1)


def measured(of: Known, encoders: Sequence[Any], used: float) -> dict[str, Any]:
    tasks = known_tasks.tasks(of, encoders)
    one = best(tasks)

    def error(sharpness: Callable[[Scored], float], task: Callable[[Scored], Scored] = lambda it: it) -> str:
        gaps = [expected_calibration_error(*task(each), sharpness(each)) for each in tasks]
        return mean_interval(gaps).format(3)

    return {
        "queries of a task": N_CLASSES * N_QUERIES,
        "accuracy": mean_interval([float((s.argmax(1) == y).mean()) for s, y in tasks]).format(3),
        "best sharpness": round(one, 1),
        "calibration error, in use": error(lambda _: used),
        "calibration error, best for the set": error(lambda _: one),
        "calibration error, best for each task": error(lambda task: best([task])),
        "calibration error of true probabilities": error(lambda _: one, lambda task: drawn(task, one)),
    }


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    torch.set_num_threads(1)
    known_tasks.WAYS, known_tasks.N_TASKS, known_tasks.N_QUERIES = (N_CLASSES,), N_TASKS, N_QUERIES
    sets = {"CLINC150, training part": intents(), "product titles": titles()}
    corpus = [item for of in sets.values() for item in of.items[:500]]
    encoders = [frozen_encoder("minilm-3-layers"), frozen_encoder("hashed-text", corpus=corpus)]
    known = what_is_known(ENCODERS)
    assert known is not None
    used = known.sharpness
    figures = {name: measured(of, encoders, used) for name, of in sets.items()}
    for name, found in figures.items():
        print(name, found)
    setting = {"classes": N_CLASSES, "examples a class": 1, "tasks": N_TASKS, "sharpness in use": used}
    write_results(RESULTS, setting=setting, figures=figures, seed=0, split="none: encoders are frozen")


if __name__ == "__main__":
    main()
