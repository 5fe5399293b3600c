"""One-shot classification within an alphabet of Omniglot, 20-way, by prototypes.

    POLYTASK_DATA=folder python benchmarks/quality/omniglot_alphabets.py --seed 0 1 2

Trains on background alphabets alone: on 25 of the 30, or on 5 of them (two draws that share none). The other
5 background alphabets choose the step. Turned characters make turned alphabets, in training only. The
evaluation alphabets are met once, at the end: 1,000 episodes of 20 characters of one alphabet, one drawing of
each as support and 5 as queries. Adds to ``results/omniglot-alphabets.json``: errors in percent; about 20
minutes a seed on one core.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from results import write_results  # beside this file
from torch.optim import Adam

from polytask.core import Learner, derive_seed, mean_interval, seeded
from polytask.core.random import numpy_generator
from polytask.data import LabelledExamples, VariedEpisodes, check_new_classes
from polytask.datasets import omniglot
from polytask.evaluate import evaluate_episodes
from polytask.meta import conv4
from polytask.meta.metric import NearestMean, Prototypes
from polytask.train import Validation, train

RESULTS = Path(__file__).parent / "results" / "omniglot-alphabets.json"
STEPS = {"25 alphabets": 5000, "5 alphabets, first draw": 3000, "5 alphabets, second draw": 3000}


def drawn_alphabets(examples: LabelledExamples) -> dict[str, list[str]]:
    """Say which background alphabets each setting trains on, and which choose the step."""
    names = sorted(set(examples.class_groups))
    enough = [name for name in names if examples.class_groups.count(name) >= 20]
    order = numpy_generator(0, "alphabets").permutation(len(enough))
    shuffled = [enough[place] for place in order]
    held_out, first, second = shuffled[:5], shuffled[5:10], shuffled[10:15]
    return {
        "validation": sorted(held_out),
        "25 alphabets": [name for name in names if name not in held_out],
        "5 alphabets, first draw": sorted(first),
        "5 alphabets, second draw": sorted(second),
    }


def turned_alphabets(examples: LabelledExamples) -> LabelledExamples:
    """Make a turned alphabet a group of its own."""
    groups = tuple(
        f"{group}/{name.rpartition('/')[2]}"
        for group, name in zip(examples.class_groups, examples.class_names)
    )
    return replace(examples, class_groups=groups)


def within(examples: LabelledExamples, seed: int) -> VariedEpisodes:
    return VariedEpisodes(
        examples, n_way=(20, 20), n_shot=(1, 1), n_query=5, n_episodes=1, within_groups=True, seed=seed
    )


def run(name: str, seed: int, training: LabelledExamples, held_out: LabelledExamples) -> dict[str, Any]:
    with seeded(seed, "initialization"):
        learner = Prototypes(conv4().to(memory_format=torch.channels_last))  # pyright: ignore[reportCallIssue]
    judged = within(held_out, seed=1)

    def validate(_: Learner) -> Validation:
        accuracy = evaluate_episodes(learner, judged, n_episodes=200).interval.mean
        print(f"  {name}: validation error {100 - 100 * accuracy:.2f} %", flush=True)
        return Validation(score=accuracy, metrics={"accuracy": accuracy})

    start = time.perf_counter()
    n_steps = STEPS[name]
    done = train(
        learner,
        within(training, seed=derive_seed(seed, "training")),
        n_steps=n_steps,
        execution="loop",
        optimizer=lambda parameters: Adam(parameters, lr=1e-3),
        schedule=lambda step: 0.5 ** (6 * step / n_steps),
        validate=validate,
        validate_every=n_steps // 10,
        precision="bf16-mixed",
        seed=derive_seed(seed, "training"),
    )
    minutes = (time.perf_counter() - start) / 60
    score = evaluate_episodes(learner, within(omniglot("evaluation", split="background"), 2), n_episodes=1000)
    return {
        "error": round(100 - 100 * score.interval.mean, 2),
        "half_width_95": round(100 * score.interval.half_width, 2),
        "best_step": done.best_step,
        "minutes": round(minutes, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    background = omniglot("background", split="background")
    turned = turned_alphabets(omniglot("background", split="background", rotations=True))
    drawn = drawn_alphabets(background)
    held_out = background.of_groups(drawn["validation"])
    evaluation = omniglot("evaluation", split="background")
    check_new_classes(background.of_groups(drawn["25 alphabets"]), held_out, groups=True)
    check_new_classes(background, evaluation, groups=True)
    test = within(evaluation, 2)
    pixels = evaluate_episodes(NearestMean(), test, n_episodes=1000).interval
    before = json.loads(RESULTS.read_text())["figures"] if RESULTS.is_file() else {}
    figures: dict[str, Any] = {
        **before,
        "pixels, error": f"{100 - 100 * pixels.mean:.1f} ± {100 * pixels.half_width:.1f}",
        "validation alphabets": drawn["validation"],
    }
    for name in STEPS:
        groups = {f"{alphabet}/rot{angle:03d}" for alphabet in drawn[name] for angle in (0, 90, 180, 270)}
        training = turned.of_groups(groups)
        runs = dict(before.get(name, {}).get("by seed", {}))
        for seed in asked.seed:
            runs[str(seed)] = run(name, seed, training, held_out)
            print(name, seed, runs[str(seed)], flush=True)
        figures[name] = {
            "alphabets": drawn[name],
            "characters": training.n_classes // 4,
            "error over seeds": mean_interval([found["error"] for found in runs.values()]).format(2),
            "by seed": runs,
        }
        setting = {
            "way": 20,
            "shot": 1,
            "queries a class": 5,
            "test episodes": 1000,
            "precision": "bf16-mixed",
        }
        write_results(RESULTS, setting=setting, figures=figures)


if __name__ == "__main__":
    main()
