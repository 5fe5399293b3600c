"""New schools, patients and chicks from 0, 1, 5 and 20 rows: a model with tasks against its rivals.

    POLYTASK_DATA=folder python benchmarks/quality/task_column.py --set chicks motor total school

A fifth of the tasks is held out, whole; `polytask.fit(..., task_column=)` learns from the others. Of each
new task 0, 1, 5 or 20 random rows are known, three draws each, and its other rows judge, by the root of their
mean squared error. Rivals: the pooled model; the task's own ridge regression on its known rows, with the
penalty that is best for the test itself; and linear mixed models, with random levels alone and with random
slopes of every feature, by maximum likelihood in an implementation of its own here. The best of these by the
test itself is compared with the model, paired by task: "holds" says whether the 95 % interval of the
difference excludes a loss of more than one standard error of that rival's mean error. For chicks there is a
forecast, too: the later weights from the first four weighings.

Everything about the method was tuned on splits 0 to 3; splits here begin at 10. Writes
``results/task-column.json``, set by set.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from results import write_results  # beside this file

import polytask
from polytask.core import mean_interval
from polytask.core.random import numpy_generator
from polytask.datasets import chick_weights, parkinsons, school
from polytask.estimators.task_forecast import forecast_new_tasks

RESULTS = Path(__file__).parent / "results" / "task-column.json"
N_ROWS = (0, 1, 5, 20)
N_DRAWS = 3
N_STEPS = 300  # of the mixed models
EPOCHS = 200
FIRST_SPLIT = 10
SPLITS = {"chicks": 4, "motor": 4, "total": 4, "school": 3}
RIDGES = (1e3, 10.0, 1.0, 0.1)


def load(name: str) -> pd.DataFrame:
    """Return a table with columns ``y``, ``task`` and the features."""
    if name == "chicks":
        return chick_weights().rename(columns={"weight": "y", "chick": "task"})
    if name == "school":
        pupils = school()
        table = pd.DataFrame(pupils.features.numpy(), columns=list(pupils.feature_names))
        return table.assign(y=pupils.scores.numpy(), task=pupils.schools.numpy())
    voices = parkinsons()
    table = pd.DataFrame(voices.features.numpy(), columns=list(voices.feature_names))
    return table.assign(y=voices.scores.numpy()[:, int(name == "total")], task=voices.patients.numpy())


def designs(train: pd.DataFrame, test: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return standardized features after a column of ones."""
    both = pd.get_dummies(pd.concat([train, test]).drop(columns=["y", "task"])).to_numpy(np.float64)
    known = both[: len(train)]
    both = (both - known.mean(0)) / np.where(known.std(0) > 1e-9, known.std(0), 1.0)
    both = np.column_stack([np.ones(len(both)), both.clip(-5, 5)])
    return both[: len(train)], both[len(train) :]


class MixedModel:
    """A linear model with Gaussian effects of each task: maximum likelihood by expectation-maximization.

    Args:
        x: Rows ``[row, feature]``, the first feature 1.
        y: Labels.
        task: Numbers of tasks.
        random: The features whose effects differ by task.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, task: np.ndarray, random: Sequence[int]) -> None:
        self.random = list(random)
        self.fixed = np.zeros(x.shape[1])
        self.variances, self.noise = np.full(len(self.random), 0.1 * y.var()), 0.5 * y.var()
        rows = [np.flatnonzero(task == one) for one in np.unique(task)]
        inner = np.linalg.pinv(x.T @ x + 1e-6 * np.eye(x.shape[1]))
        self.fixed = inner @ x.T @ y
        for _ in range(N_STEPS):
            second, left, explained = np.zeros(len(self.random)), 0.0, np.zeros(len(y))
            for index in rows:
                effects, doubt = self._effects(x[index], y[index])
                z = x[index][:, self.random]
                explained[index] = z @ effects
                second += effects**2 + np.diag(doubt)
                left += np.einsum("ij,jk,ik->", z, doubt, z)
            self.fixed = inner @ x.T @ (y - explained)
            self.variances = np.maximum(second / len(rows), 1e-10 * y.var())
            self.noise = (np.square(y - explained - x @ self.fixed).sum() + left) / len(y)

    def predict(self, x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Answer rows of a task of which some are known."""
        effects, _ = self._effects(x, y)
        return asked @ self.fixed + asked[:, self.random] @ effects

    def _effects(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z = x[:, self.random]
        doubt = np.linalg.inv(np.diag(1 / self.variances) + z.T @ z / self.noise)
        return doubt @ z.T @ (y - x @ self.fixed) / self.noise, doubt


def own_ridge(x: np.ndarray, y: np.ndarray, asked: np.ndarray, penalty: float) -> np.ndarray:
    """Regress a task's known rows alone; the level is hardly penalized."""
    strength = penalty * np.eye(x.shape[1])
    strength[0, 0] = 1e-6
    return asked @ np.linalg.solve(x.T @ x + strength, x.T @ y)


def split(name: str, number: int) -> dict[tuple[str, int], np.ndarray]:
    """Return the error of every method and number of known rows for every new task, in units of the label."""
    table = load(name)
    tasks = table["task"].unique()
    order = numpy_generator(number, "new tasks").permutation(len(tasks))
    new = table["task"].isin(tasks[order[: len(tasks) // 5]]).to_numpy()
    train, test = table[~new].reset_index(drop=True), table[new].reset_index(drop=True)
    model = polytask.fit(
        train, "y:regression", task_column="task", seed=number, epochs=EPOCHS, baselines=False
    )
    x, asked = designs(train, test)
    mean, scale = train["y"].mean(), train["y"].std()
    y, code = (train["y"].to_numpy() - mean) / scale, train["task"].to_numpy()
    mixed = {
        "mixed, levels": MixedModel(x, y, code, [0]),
        "mixed, slopes": MixedModel(x, y, code, range(x.shape[1])),
    }
    pooled = model.pooled.predict(test)["y"].to_numpy()
    labels, of_row = test["y"].to_numpy(), test["task"].to_numpy()
    standardized = (labels - mean) / scale
    found: dict[tuple[str, int], list[list[float]]] = {}
    for n_rows in N_ROWS:
        for draw in range(N_DRAWS if n_rows else 1):
            known = np.zeros(len(test), dtype=bool)
            rng = numpy_generator(draw, "known rows", str(n_rows))
            for task in np.unique(of_row):
                known[rng.permutation(np.flatnonzero(of_row == task))[:n_rows]] = True
            answers = {"pooled": pooled, "model": _answers(model, test, known)}
            for way, trained in mixed.items():
                answers[way] = _by_task(of_row, known, standardized, asked, trained.predict) * scale + mean
            for penalty in RIDGES if n_rows else ():
                answers[f"own, {penalty:g}"] = (
                    _by_task(of_row, known, standardized, asked, partial(own_ridge, penalty=penalty)) * scale
                    + mean
                )
            for way, values in answers.items():
                errors = [
                    float(np.sqrt(np.square(values - labels)[(of_row == task) & ~known].mean()))
                    for task in np.unique(of_row)
                    if ((of_row == task) & ~known).any()
                ]
                found.setdefault((way, n_rows), []).append(errors)
    return {key: np.mean(draws, axis=0) for key, draws in found.items()}


def _answers(model: polytask.models.TaskTableModel, test: pd.DataFrame, known: np.ndarray) -> np.ndarray:
    adapted = model.adapt(test[known]) if known.any() else model
    return adapted.predict(test)["y"].to_numpy()


def _by_task(
    of_row: np.ndarray,
    known: np.ndarray,
    labels: np.ndarray,
    x: np.ndarray,
    method: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    answers = np.zeros(len(labels))
    for task in np.unique(of_row):
        rows = of_row == task
        answers[rows] = method(x[rows & known], labels[rows & known], x[rows])
    return answers


def compared(splits: Sequence[dict[tuple[str, int], np.ndarray]]) -> dict[str, dict[str, object]]:
    """Compare the model with the best of its rivals, for every number of known rows."""
    figures: dict[str, dict[str, object]] = {}
    for n_rows in N_ROWS:
        ways = [way for way, count in splits[0] if count == n_rows]
        errors = {way: np.concatenate([one[way, n_rows] for one in splits]) for way in ways}
        if not len(errors["model"]):  # no task has more rows
            continue
        own = sorted((way for way in ways if way.startswith("own")), key=lambda way: errors[way].mean())
        kept = [way for way in ways if not way.startswith("own")] + own[:1]
        rival = min((way for way in kept if way != "model"), key=lambda way: errors[way].mean())
        loss = mean_interval((errors["model"] - errors[rival]).tolist())
        standard_error = float(errors[rival].std(ddof=1) / len(errors[rival]) ** 0.5)
        figures[f"{n_rows} rows"] = {
            **{way: mean_interval(errors[way].tolist()).format(3) for way in kept},
            "best rival": rival,
            "model less rival": loss.format(3),
            "standard error of the rival": round(standard_error, 3),
            "holds": loss.high < standard_error,
            "tasks": len(errors[rival]),
        }
    return figures


def forecasts(n_splits: int) -> dict[str, object]:
    """Forecast later weights of chicks from their first four weighings, as they are and on a log scale."""
    figures: dict[str, object] = {}
    for target in ("weight:regression", "weight:log"):
        found = [
            forecast_new_tasks(
                chick_weights(), target, task_column="chick", order="time", seed=FIRST_SPLIT + number,
                epochs=EPOCHS, baselines=False,
            ).rows
            for number in range(n_splits)
        ]  # fmt: skip
        rows = pd.concat(found)
        figures[target] = {
            side: round(float(np.sqrt(np.square(rows[side] - rows["weight"]).mean())), 1)
            for side in ("model", "shifted", "line")
        } | {"rows": len(rows)}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--set", nargs="+", default=list(SPLITS), choices=list(SPLITS))
    parser.add_argument("--splits", type=int, default=None)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    figures = json.loads(RESULTS.read_text())["figures"] if RESULTS.is_file() else {}
    for name in asked.set:
        n_splits = asked.splits or SPLITS[name]
        splits = []
        for number in range(FIRST_SPLIT, FIRST_SPLIT + n_splits):
            splits.append(split(name, number))
            means = {f"{way}, {n}": round(float(v.mean()), 3) for (way, n), v in splits[-1].items()}
            print(name, number, means, flush=True)
        figures[name] = {"splits": n_splits, **compared(splits)}  # written even where a later set is stopped
        if name == "chicks":
            figures[name]["later weights from four weighings, g"] = forecasts(n_splits)
        print(name, json.dumps(figures[name], indent=1), flush=True)
        setting = {"first split": FIRST_SPLIT, "draws": N_DRAWS, "epochs": EPOCHS, "steps of mixed": N_STEPS}
        write_results(
            RESULTS,
            setting=setting,
            figures=figures,
            seed=FIRST_SPLIT,
            split="tasks at random, by split, from this one on",
        )


if __name__ == "__main__":
    main()
