"""What drawing tasks of a task column by a law brings, on pupils of schools of unlike sizes.

    POLYTASK_DATA=folder python benchmarks/quality/task_sampling.py (``--splits``, ``--cpu-minutes``)

Of each of forty schools, drawn by the split among all with their 22 to 251 pupils, a quarter of the pupils
is held out; `polytask.fit(..., task_column=)` learns from the others by each law. Judged is the root mean
squared error of a school's held-out pupils, averaged over schools, each counting as much; of the model,
which knows schools, and of its pooled part, which is what draws change. Differences to the fit without a
law are paired by split; their 95 % intervals are over splits. Beside them: how often the largest and the
smallest school was drawn, in shares of all draws. A split is a file in ``runs/task-sampling``, and one that
is there is not done again. Writes ``results/task-sampling.json``.
"""

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from results import write_results  # beside this file

import polytask
from polytask.core import mean_interval
from polytask.core.files import write_atomically
from polytask.core.random import numpy_generator
from polytask.datasets import school

RESULTS = Path(__file__).parent / "results" / "task-sampling.json"
SPLITS = Path("runs/task-sampling")
LAWS = ("every row once an epoch", "temperature", "round-robin", "loss", "progress")
N_SCHOOLS = 40
HELD_OUT = 0.25
EPOCHS = 40
Figures = dict[str, float]


def table() -> pd.DataFrame:
    """Return pupils with their score ``y`` and their school ``task``."""
    pupils = school()
    found = pd.DataFrame(pupils.features.numpy(), columns=list(pupils.feature_names))
    return found.assign(y=pupils.scores.numpy(), task=pupils.schools.numpy())


def parts(number: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw schools, and hold out pupils of each."""
    draw, pupils = numpy_generator(number, "split"), table()
    schools = draw.permutation(pupils["task"].unique())[:N_SCHOOLS]
    pupils = pupils[pupils["task"].isin(schools)].reset_index(drop=True)
    order = pd.Series(draw.random(len(pupils))).groupby(pupils["task"]).rank(pct=True)
    aside = (order <= HELD_OUT).to_numpy()
    return pupils[~aside].reset_index(drop=True), pupils[aside].reset_index(drop=True)


def measured(number: int) -> dict[str, Figures]:
    """Fit by every law on a split; return errors and shares by law."""
    train, test = parts(number)
    sizes = train["task"].value_counts()
    found = {}
    for law in LAWS:
        begun = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = polytask.fit(
                train,
                "y",
                task_column="task",
                task_sampling=None if law == LAWS[0] else law,
                epochs=EPOCHS,
                baselines=False,
                seed=number,
                progress=False,
            )
        seconds = time.process_time() - begun
        found[law] = {
            "error": error(model.predict(test)["y"].to_numpy(), test),
            "pooled error": error(model.pooled.predict(test)["y"].to_numpy(), test),
            "largest school, of all rows": float(sizes.max() / sizes.sum()),
            "smallest school, of all rows": float(sizes.min() / sizes.sum()),
            **shares(model, sizes),
            "seconds of the processor": seconds,
        }
    return found


def error(predicted: np.ndarray, test: pd.DataFrame) -> float:
    squared = pd.Series((predicted - test["y"].to_numpy()) ** 2)
    return float(np.sqrt(squared.groupby(test["task"]).mean()).mean())


def shares(model: Any, sizes: pd.Series) -> Figures:
    """Return the parts of all draws that the largest and the smallest school have."""
    drawn = model.results.drawn
    times = (
        {str(name): int(count) for name, count in sizes.items()}
        if drawn is None
        else {one.task: one.times for one in drawn.tasks}
    )
    total = sum(times.values())
    return {
        "largest school, of all draws": times[str(sizes.idxmax())] / total,
        "smallest school, of all draws": times[str(sizes.idxmin())] / total,
    }


def split_figures(number: int) -> dict[str, Figures]:
    """Read the figures of a split, or measure and write them."""
    path = SPLITS / f"{number}.{EPOCHS}.{N_SCHOOLS}.json"
    if not path.exists():
        content = json.dumps(measured(number)).encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(content))
    return json.loads(path.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--splits", type=int, default=8)
    parser.add_argument("--cpu-minutes", type=float, default=np.inf)
    asked = parser.parse_args()
    begun, splits = time.process_time(), []
    for number in range(asked.splits):
        if splits and time.process_time() - begun > 60 * asked.cpu_minutes:
            break
        splits.append(split_figures(number))
    figures: dict[str, Any] = {}
    for law in LAWS:
        ours = [one[law] for one in splits]
        figures[law] = {what: mean_interval([one[what] for one in ours]).to_json() for what in ours[0]}
        for what in ("error", "pooled error"):
            lower = [one[LAWS[0]][what] - one[law][what] for one in splits]
            if law != LAWS[0] and len(splits) > 1:
                figures[law][f"{what}, lower by"] = mean_interval(lower).to_json()
            print(f"{law}: {what} {np.mean([one[what] for one in ours]):.3f}, lower by {np.mean(lower):.3f}")
    write_results(
        RESULTS,
        setting={"schools": N_SCHOOLS, "epochs": EPOCHS, "held out": HELD_OUT, "splits": len(splits)},
        figures=figures,
        seed=range(len(splits)),
        split="a quarter of each school's pupils held out at random, of forty schools drawn by the split",
    )


if __name__ == "__main__":
    main()
