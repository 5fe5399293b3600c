"""Does affinity tell which tasks joint training helps? Asked of the sets that `joint.py` has measured.

Run: ``python benchmarks/quality/affinities.py sarcos tox21`` after ``joint.py`` with the same sets. Writes
``results/affinities.json``: for every task the mean affinity that it receives from the others while a joint
network trains with equal weights, its measured gain, and the rank correlation of the two over tasks.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import torch
from joint import build
from joint_sets import CASES, Case
from results import write_results
from torch.optim import Adam

from polytask.core import derive_seed
from polytask.data import JointSource
from polytask.relate import gradient_affinity, lookahead_affinity, predicted_gains
from polytask.relate.predicted import rank_agreement

RESULTS = Path(__file__).parent / "results"


def gains(name: str) -> dict[str, float]:
    """Return the gain of equal weights over separate networks by task, in percent."""
    figures = json.loads((RESULTS / f"joint-{name}.json").read_text())["figures"]
    tasks: dict[str, str] = figures["methods"]["equal"]["tasks"]
    found = {}
    for task, verdict in tasks.items():
        number = re.search(r"\((-?[\d.]+)", verdict)
        assert number
        found[task] = float(number[1])
    return found


def ask(name: str, case: Case) -> dict[str, Any]:
    measured = gains(name)
    parts = case.load(0)
    n_steps = case.n_steps // 2
    source = JointSource(parts.tasks, parts.train, batch_size=case.batch_size, seed=derive_seed(0, "order"))
    rate = case.rates[len(case.rates) // 2]
    learner = build(case, parts.tasks, 0)
    every = max(n_steps // 40, 1)
    affinities = {
        "gradient": gradient_affinity(
            learner, source, n_steps=n_steps, every=every, optimizer=lambda p: Adam(p, lr=rate)
        ),
        "lookahead": lookahead_affinity(
            learner, source, n_steps=n_steps, every=every, rate=rate, optimizer=lambda p: Adam(p, lr=rate)
        ),
    }
    figures: dict[str, Any] = {"measured gain, %": measured}
    for kind, affinity in affinities.items():
        agreement = rank_agreement(affinity, measured)
        figures[kind] = {
            "mean affinity received": {task: round(v, 4) for task, v in predicted_gains(affinity).items()},
            "rank correlation": round(agreement.correlation, 2),
            "p-value, one-sided": round(agreement.p_value, 3),
        }
        print(f"{name:24} {kind:10} {agreement.correlation:6.2f}  p = {agreement.p_value:.3f}", flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="+", choices=list(CASES))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    figures = {name: ask(name, CASES[name]) for name in asked.sets}
    setting = {"seed": 0, "steps": "half of those of joint.py", "watched": "40 of them"}
    write_results(RESULTS / "affinities.json", setting=setting, figures=figures, seed=0, split="as joint.py")


if __name__ == "__main__":
    main()
