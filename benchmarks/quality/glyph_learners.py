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
import time
from pathlib import Path
from typing import Any

import torch
from equal_time import judged, times_of_reference, trained, written  # beside this file
from results import write_results  # beside this file

from polytask.core import mean_interval
from polytask.fitting.few_shot_source import ClassSplit, class_split
from polytask.meta import learner_names
from polytask.meta.catalogue import learner_entry
from polytask.meta.metric import NearestMean

RESULTS = Path(__file__).parent / "results" / "glyph-learners.json"


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
