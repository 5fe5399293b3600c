"""Every few-shot learner of the catalogue on the built-in glyphs, as `polytask learn glyphs` trains it.

    python benchmarks/quality/glyph_learners.py [LEARNER ...] --seed 0

5-way 1-shot, scripts never seen, 600 episodes, each learner with its default budget and no tuning: it shows
that all of them learn, not which is best. "transductive" learners see all queries at once, in balanced
episodes. Adds to ``results/glyph-learners.json``; about half an hour on one core.
"""

import argparse
import json
from pathlib import Path

import torch
from results import write_results  # beside this file

import polytask
from polytask.meta import learner_names
from polytask.meta.catalogue import learner_entries

RESULTS = Path(__file__).parent / "results" / "glyph-learners.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("learners", nargs="*", default=list(learner_names()))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=0, help="of training; each learner's own if left out")
    parser.add_argument("--test-episodes", type=int, default=600)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in asked.learners:
        results = polytask.learn(
            "glyphs",
            way=5,
            shot=1,
            learner=name,
            n_episodes=asked.test_episodes,
            seed=asked.seed,
            steps=asked.steps,
        ).results
        assert results is not None
        found = {
            "accuracy": results.score.interval.format(1, scale=100),
            "pixels": results.baseline.interval.format(1, scale=100),
            "transductive": results.score.transductive,
            "family": learner_entries()[name].family,
            "seconds of training": round(results.seconds, 1),
        }
        print(name, found, flush=True)
        figures = json.loads(RESULTS.read_text())["figures"] if RESULTS.is_file() else {}
        figures[name] = found
        setting = {"way": 5, "shot": 1, "test episodes": asked.test_episodes, "seed": asked.seed}
        write_results(
            RESULTS,
            setting=setting,
            figures=figures,
            seed=asked.seed,
            split="by script: Greek, Armenian and Georgian are judged",
        )


if __name__ == "__main__":
    main()
