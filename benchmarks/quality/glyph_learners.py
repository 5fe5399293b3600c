"""Every few-shot learner of the catalogue on the built-in glyphs, all trained for the same time.

    python benchmarks/quality/glyph_learners.py [LEARNER ...] --seed 0 1 2

5-way 1-shot, scripts never seen, 15 queries a class. A learner is built and trained as `polytask learn`
trains it on glyphs with its defaults, but for the number of steps: as many as take the CPU time of 250 steps
of prototypes. A step's time is measured in turn with those, once, and kept. No learner is tuned, and the last
step counts, not the best one on validation scripts. "transductive" learners see all queries of an episode at
once, and every class has as many. Adds to ``results/glyph-learners.json``, learner by learner and seed by
seed; what is there with the same budget is not run again. Some twenty minutes of one core for three seeds.
"""

import argparse
import itertools
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from results import write_results  # beside this file
from torch.optim import Adam

from polytask.core import EpisodicLearner, Interval, derive_seed, mean_interval, seeded
from polytask.core.defaults import usual_defaults
from polytask.estimators.learn_images import filled_config
from polytask.evaluate import evaluate_episodes
from polytask.fitting.few_shot_episodes import judging_episodes
from polytask.fitting.few_shot_source import ClassSplit, class_split
from polytask.fitting.few_shot_training import to_train
from polytask.meta import learner_names
from polytask.meta.catalogue import learner_entry
from polytask.meta.metric import NearestMean
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.few_shot_model import build_few_shot_learner
from polytask.train import train

RESULTS = Path(__file__).parent / "results" / "glyph-learners.json"
REFERENCE = "prototypes"
ROUNDS, TIMED_STEPS = 2, 4


def trained(
    name: str, classes: ClassSplit, *, n_steps: int, seed: int, each_step: Callable[[], object] = lambda: None
) -> EpisodicLearner:
    config = filled_config(classes, FewShotConfig(learner=name))

    def rate(step: int) -> float:
        each_step()
        return 0.5 + 0.5 * math.cos(math.pi * step / n_steps)

    with usual_defaults():
        with seeded(seed, "initialization"):
            learner = build_few_shot_learner(config)
        what, source = to_train(learner, classes.train, config, seed=seed)
        train(
            what,
            source,
            n_steps=n_steps,
            optimizer=lambda parameters: Adam(parameters, lr=config.learning_rate),
            schedule=rate,
            execution="loop",
            seed=derive_seed(seed, "training"),
            progress=False,
        )
    return learner.eval()


def judged(learner: EpisodicLearner, classes: ClassSplit, *, seed: int, n_episodes: int) -> Interval:
    config = filled_config(classes, FewShotConfig())
    episodes = judging_episodes(classes.test, config, seed=derive_seed(seed, "test"))
    return evaluate_episodes(learner, episodes, n_episodes=n_episodes).interval


def times_of_reference(name: str, classes: ClassSplit) -> float:
    """Return how often the CPU time of a step of the reference a step of this learner takes."""
    if name == REFERENCE:
        return 1.0
    seconds: dict[str, list[float]] = {REFERENCE: [], name: []}
    for _, one in itertools.product(range(ROUNDS), seconds):
        ticks: list[float] = []
        trained(
            one,
            classes,
            n_steps=TIMED_STEPS,
            seed=0,
            each_step=lambda ticks=ticks: ticks.append(time.process_time()),
        )
        seconds[one] += [after - before for before, after in itertools.pairwise(ticks)]
    return statistics.median(seconds[name]) / statistics.median(seconds[REFERENCE])


def written(interval: Interval) -> dict[str, float]:
    return {
        "accuracy": round(100 * interval.mean, 2),
        "half_width_95": round(100 * interval.half_width, 2),
    }


def run(
    name: str, figures: dict[str, Any], classes: ClassSplit, *, seed: int, budget: int, n_episodes: int
) -> None:
    """Add a learner's figures of a seed, and those of pixels on the same episodes."""
    found = figures.setdefault(name, {})
    if "steps" not in found:
        times = times_of_reference(name, classes)
        found |= {
            "family": learner_entry(name).family,
            "transductive": learner_entry(name).transductive,
            "a step's time over that of prototypes": round(times, 2),
            "steps": max(1, round(budget / times)),
            "by seed": {},
        }
    start = time.process_time()
    learner = trained(name, classes, n_steps=found["steps"], seed=seed)
    seconds = time.process_time() - start
    score = judged(learner, classes, seed=seed, n_episodes=n_episodes)
    found["by seed"][str(seed)] = {**written(score), "seconds of CPU": round(seconds, 1)}
    pixels = figures.setdefault("pixels", {"by seed": {}})
    if str(seed) not in pixels["by seed"]:
        pixels["by seed"][str(seed)] = written(
            judged(NearestMean(), classes, seed=seed, n_episodes=n_episodes)
        )
    for one in (found, pixels):
        values = [of_seed["accuracy"] for of_seed in one["by seed"].values()]
        one["accuracy over seeds"] = mean_interval(values).format(1)


def kept(setting: dict[str, Any]) -> dict[str, Any]:
    """Return the figures that are there already, where they are of the same setting."""
    content = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    return content["figures"] if content.get("setting") == setting else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("learners", nargs="*", default=list(learner_names()))
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=250, help="of prototypes, whose time all others have")
    parser.add_argument("--test-episodes", type=int, default=100)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    setting = {
        "way": 5,
        "shot": 1,
        "test episodes": asked.test_episodes,
        "steps of prototypes in the time": asked.steps,
    }
    figures = kept(setting)
    classes = class_split("glyphs", size=28, seed=0)
    for seed, name in itertools.product(asked.seed, asked.learners):
        if str(seed) in figures.get(name, {}).get("by seed", {}):
            continue
        run(name, figures, classes, seed=seed, budget=asked.steps, n_episodes=asked.test_episodes)
        print(name, seed, figures[name]["steps"], figures[name]["by seed"][str(seed)], flush=True)
        write_results(
            RESULTS,
            setting=setting,
            figures=figures,
            seed=sorted(map(int, figures["pixels"]["by seed"])),
            split="by script: Greek, Armenian and Georgian are judged",
        )


if __name__ == "__main__":
    main()
