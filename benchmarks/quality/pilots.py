"""Does a pilot study tell which tasks joint training helps? Asked of the sets that `joint.py` has measured.

Run: ``python benchmarks/quality/pilots.py sarcos tox21`` after ``joint.py`` with the same sets. A pilot run
has a share of the rows and of the steps, so that a row is met as often as in full training; one rate of
learning; seeds of its own; early stopping and judgement both on the validation part. For every set, writes
results/pilot-SET.json: the gains in the pilot, the measured ones of equal weights, rank correlation and
agreement in sign of the two over tasks, and what the pilot cost. Gains that are zero to two digits count in
the sign as neither.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from affinities import gains
from joint import fit
from joint_sets import CASES, Case
from results import write_results
from scipy import stats

from polytask.core import Task, generator
from polytask.relate.pilot import PilotFit, pilot_gains

RESULTS = Path(__file__).parent / "results"
SHARES = (0.2,)
SEEDS = (3, 4, 5, 6)


def fit_of(case: Case) -> PilotFit:
    """Return the training of `joint.py` with a share of its rows and of its steps, judged on validation."""
    load = cache(case.load)

    def pilot(tasks: Sequence[Task], seed: int, share: float) -> Mapping[str, Mapping[str, float]]:
        parts = load(seed)
        order = torch.randperm(len(parts.train), generator=generator(seed, "pilot"))
        rows = order[: max(round(share * len(order)), 1)]
        short = replace(case, n_steps=max(round(share * case.n_steps), 1))
        few = replace(parts, train=parts.train.rows(rows), test=parts.validation)
        asked = {task.name for task in tasks}
        own = [task for task in parts.tasks if task.name in asked]  # a split has its own list of classes
        return fit(short, few, own, seed, rate_of(case)).metrics

    return pilot


def rate_of(case: Case) -> float:
    return case.rates[len(case.rates) // 2]


def ask(name: str, case: Case) -> dict[str, Any]:
    measured = gains(name)
    parts = case.load(SEEDS[0])
    ratio = len(parts.validation) / len(parts.train) if case.resplit else 0.0
    start = time.perf_counter()
    found = pilot_gains(fit_of(case), parts.tasks, shares=SHARES, seeds=SEEDS, test_over_train=ratio)
    seconds = time.perf_counter() - start
    predicted = found.gains()
    left, right = (np.array([side[task] for task in predicted]) for side in (predicted, measured))
    signed = (left.round(2) != 0) & (right.round(2) != 0)
    figures: dict[str, Any] = {
        "predicted gain, %": {v.task: f"{v.outcome} ({v.gain.format(2)})" for v in found.verdicts},
        "measured gain, %": measured,
        "share of the rows and steps": found.shares,
        "same sign": f"{int((np.sign(left) == np.sign(right))[signed].sum())} of {int(signed.sum())}",
        "mean gain, predicted and measured": [round(float(side.mean()), 2) for side in (left, right)],
        "cost, share of the full comparison": round(found.cost, 3),
        "seconds": round(seconds, 1),
    }
    if len(left) > 2:
        rank = stats.spearmanr(left, right, alternative="greater")
        figures["rank correlation"] = round(float(rank.statistic), 2)
        figures["p-value, one-sided"] = round(float(rank.pvalue), 3)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="+", choices=list(CASES))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in asked.sets:
        figures = ask(name, CASES[name])
        print(name, figures, flush=True)
        setting = {"shares": SHARES, "seeds": SEEDS, "rate": rate_of(CASES[name]), "part": "validation"}
        write_results(
            RESULTS / f"pilot-{name}.json",
            setting=setting,
            figures=figures,
            seed=SEEDS,
            split="as joint.py; validation rows are judged",
        )


if __name__ == "__main__":
    main()
