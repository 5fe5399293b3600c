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
import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from results import write_results  # beside this file
from torch import nn
from torch.optim import AdamW

from polytask.core import Interval, Learner, derive_seed, mean_interval, seeded
from polytask.core.random import numpy_generator
from polytask.data import ClassBatches, LabelledExamples, VariedEpisodes, check_new_classes
from polytask.datasets import omniglot
from polytask.evaluate import evaluate_episodes
from polytask.meta.layers.averaged_views import AveragedViews
from polytask.meta.layers.residual import residual_encoder
from polytask.meta.metric import HeldOutPrototypes, NearestMean, Prototypes
from polytask.train import Validation, faster_precision, train

RESULTS = Path(__file__).parent / "results" / "omniglot-alphabets.json"
STEPS = {"25 alphabets": 12_000, "5 alphabets, first draw": 5000, "5 alphabets, second draw": 5000}
RATE = 2e-3


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


@torch.no_grad()
def score_of(encoder: nn.Module, examples: LabelledExamples, *, seed: int, n_episodes: int) -> Interval:
    """Judge by episodes of vectors: no drawing's depends on the others, so each is encoded once."""
    encoder.eval()
    images = (examples.inputs.float() / 255).split(256)
    vectors = replace(examples, inputs=torch.cat([encoder(part) for part in images]), images=None)
    learner = Prototypes(nn.Identity(), distance="cosine")
    return evaluate_episodes(learner, within(vectors, seed), n_episodes=n_episodes).interval


def rate(done: float) -> float:
    """Return the factor on the learning rate when this part of the training is done."""
    return min(1.0, 20 * done + 0.01) * (1 + math.cos(math.pi * done)) / 2


def run(
    name: str, seed: int, n_steps: int, training: LabelledExamples, held_out: LabelledExamples
) -> dict[str, Any]:
    with seeded(seed, "initialization"):
        network: Any = residual_encoder()  # the stubs of `to` know no memory format
        encoder = AveragedViews(network.to(memory_format=torch.channels_last))
        learner = HeldOutPrototypes(Prototypes(encoder, distance="cosine", scale=16.0))
    source = ClassBatches(training, seed=derive_seed(seed, "training"))
    precision = faster_precision(network, torch.rand(128, 1, 28, 28))

    def validate(_: Learner) -> Validation:
        accuracy = score_of(encoder, held_out, seed=1, n_episodes=200).mean
        print(f"  {name}: validation error {100 - 100 * accuracy:.2f} %", flush=True)
        return Validation(score=accuracy, metrics={"accuracy": accuracy})

    start = time.process_time()
    done = train(
        learner,
        source,
        n_steps=n_steps,
        optimizer=lambda parameters: AdamW(parameters, lr=RATE, weight_decay=0.02),
        schedule=lambda step: rate(step / n_steps),
        validate=validate,
        validate_every=max(1, n_steps // 4),
        precision=precision,
        seed=derive_seed(seed, "training"),
    )
    minutes = (time.process_time() - start) / 60
    score = score_of(encoder, omniglot("evaluation", split="background"), seed=2, n_episodes=1000)
    return {
        "error": round(100 - 100 * score.mean, 2),
        "half_width_95": round(100 * score.half_width, 2),
        "steps": n_steps,
        "best_step": done.best_step,
        "minutes of one core": round(minutes, 1),
        "precision": precision,
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
    for name in asked.settings:
        training = background.of_groups(drawn[name])
        runs = dict(figures.get(name, {}).get("by seed", {}))
        for seed in asked.seed:
            runs[str(seed)] = run(name, seed, asked.steps or STEPS[name], training, held_out)
            print(name, seed, runs[str(seed)], flush=True)
        figures[name] = {
            "alphabets": drawn[name],
            "characters": training.n_classes,
            "error over seeds": mean_interval([found["error"] for found in runs.values()]).format(2),
            "by seed": runs,
        }
        setting = {"way": 20, "shot": 1, "queries a class": 5, "test episodes": 1000}
        write_results(
            RESULTS,
            setting=setting,
            figures=figures,
            seed=sorted(map(int, runs)),
            split="background alphabets train, evaluation alphabets are judged",
        )


if __name__ == "__main__":
    main()
