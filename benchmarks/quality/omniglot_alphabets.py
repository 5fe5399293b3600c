"""One-shot classification within an alphabet of Omniglot, 20-way, by prototypes.

    POLYTASK_DATA=folder python benchmarks/quality/omniglot_alphabets.py --seed 0 1 2

Trains on background alphabets alone: on 25 of the 30, or on 5 of them (two draws that share none). The other
5 background alphabets decided the recipe and choose the step. Turned and mirrored alphabets count as further
ones, in training only, and every drawing is bent by chance. The evaluation alphabets are met once, at the
end: 1,000 episodes of 20 characters of one alphabet, one drawing of each as support and 5 as queries; no
query sees another. Adds to ``results/omniglot-alphabets.json``: errors in percent, and minutes of one core.
``--settings`` names some of the three, ``--steps`` sets another length; 1,000 steps take about two and a
half minutes of one core with instructions for 16-bit floats. What four layers trained by plain episodes reach
stands beside in the file.
"""

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import torch
from results import write_results  # beside this file
from torch import nn
from varied_prototypes import encoded, trained_encoder  # beside this file

from polytask.core import Interval, mean_interval
from polytask.core.random import numpy_generator
from polytask.data import LabelledExamples, VariedEpisodes, check_new_classes
from polytask.datasets import omniglot
from polytask.evaluate import evaluate_episodes
from polytask.meta.metric import NearestMean, Prototypes

RESULTS = Path(__file__).parent / "results" / "omniglot-alphabets.json"
STEPS = {"25 alphabets": 6000, "5 alphabets, first draw": 2500, "5 alphabets, second draw": 2500}


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


def within(examples: LabelledExamples, seed: int) -> VariedEpisodes:
    return VariedEpisodes(
        examples, n_way=(20, 20), n_shot=(1, 1), n_query=5, n_episodes=1, within_groups=True, seed=seed
    )


def score_of(encoder: nn.Module, examples: LabelledExamples, *, seed: int, n_episodes: int) -> Interval:
    learner = Prototypes(nn.Identity(), distance="cosine")
    return evaluate_episodes(
        learner, within(encoded(encoder, examples), seed), n_episodes=n_episodes
    ).interval


def run(
    name: str, seed: int, n_steps: int, training: LabelledExamples, held_out: LabelledExamples
) -> dict[str, Any]:
    def score(encoder: nn.Module) -> float:
        accuracy = score_of(encoder, held_out, seed=1, n_episodes=200).mean
        print(f"  {name}: validation error {100 - 100 * accuracy:.2f} %", flush=True)
        return accuracy

    trained = trained_encoder(training, seed=seed, n_steps=n_steps, score=score)
    error = score_of(trained.encoder, omniglot("evaluation", split="background"), seed=2, n_episodes=1000)
    return {
        "error": round(100 - 100 * error.mean, 2),
        "half_width_95": round(100 * error.half_width, 2),
        "steps": n_steps,
        **trained.figures,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--settings", nargs="+", choices=list(STEPS), default=list(STEPS))
    parser.add_argument("--steps", type=int, help="of training; each setting's own if left out")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    background = omniglot("background", split="background")
    drawn = drawn_alphabets(background)
    held_out = background.of_groups(drawn["validation"])
    evaluation = omniglot("evaluation", split="background")
    check_new_classes(background.of_groups(drawn["25 alphabets"]), held_out, groups=True)
    check_new_classes(background, evaluation, groups=True)
    figures: dict[str, Any] = json.loads(RESULTS.read_text())["figures"] if RESULTS.is_file() else {}
    if "pixels, error" not in figures:
        pixels = evaluate_episodes(NearestMean(), within(evaluation, 2), n_episodes=1000).interval
        figures["pixels, error"] = f"{100 - 100 * pixels.mean:.1f} ± {100 * pixels.half_width:.1f}"
    figures["validation alphabets"] = drawn["validation"]
    setting = {"way": 20, "shot": 1, "queries a class": 5, "test episodes": 1000}
    for seed, name in itertools.product(asked.seed, asked.settings):
        training = background.of_groups(drawn[name])
        run_of_seed = run(name, seed, asked.steps or STEPS[name], training, held_out)
        print(name, seed, run_of_seed, flush=True)
        runs = {**figures.get(name, {}).get("by seed", {}), str(seed): run_of_seed}
        figures[name] = {
            "alphabets": drawn[name],
            "characters": training.n_classes,
            "error over seeds": mean_interval([figure["error"] for figure in runs.values()]).format(2),
            "by seed": runs,
        }
        write_results(
            RESULTS,
            setting=setting,
            figures=figures,
            seed=sorted(map(int, runs)),
            split="background alphabets train, evaluation alphabets are judged",
        )


if __name__ == "__main__":
    main()
