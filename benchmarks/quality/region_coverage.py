"""How many labels intervals and sets of table models hold, and how long and large they are.

Run: ``python benchmarks/quality/region_coverage.py`` (``--splits``, ``--epochs``, ``--tables``; some ten
seconds a split). Adds to ``results/region_coverage.json``. A split is a file in the folder of splits, and one
that is there is not done again; ``--cpu-minutes`` ends each table's work early, with the splits done so far.

A part of the rows is held out by each split, at random, or of whole groups. The model is fitted on the
others (at most ``--rows``) with its defaults but for ``--epochs``, and asked for regions at 90 %: of each
target, and of all together. Rows with groups are averaged by group.

Of classes, sets by the probability of the label (LAC) are compared with adaptive sets (APS, with a random
part of the label's own probability) at equal coverage: half of the held-out rows give the threshold of each,
the other half its size. The calibration error is that of held-out rows, with and without temperature.
"""

import argparse
import json
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from results import write_results
from table_sets import TABLES, TableSet

import polytask
from polytask.core import derive_seed, mean_interval
from polytask.core.files import write_atomically
from polytask.core.random import numpy_generator
from polytask.models import TableModel
from polytask.models.calibration import class_scores
from polytask.models.score_distribution import ScoreDistribution

RESULTS = Path(__file__).parent / "results" / "region_coverage.json"
SPLITS = Path("runs/region-coverage")
LEVEL = 0.9
HELD_OUT = 0.4
SMALL = ("enb", "jura", "heart", "penguins", "parkinsons")
Figures = dict[str, float]


def split(table: TableSet, seed: int, most: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hold out a part of the rows, of whole groups where there are any."""
    draw = numpy_generator(seed, "split")
    frame = table.frame
    units = np.arange(len(frame)) if table.group is None else frame[table.group].to_numpy()
    names = draw.permutation(np.unique(units))
    aside = np.isin(units, names[: round(HELD_OUT * len(names))])
    train, test = frame[~aside], frame[aside]
    if len(train) > most:
        train = train.iloc[draw.choice(len(train), most, replace=False)]
    return train, test


def measured(table: TableSet, seed: int, *, epochs: int, most: int) -> dict[str, Figures]:
    """Fit on a split, and measure the regions of its held-out rows; by target, and for all together."""
    train, test = split(table, seed, most)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = polytask.fit(
            train, dict(table.targets), group=table.group, epochs=epochs, baselines=False, seed=seed
        )
        alone = model.predict(test, intervals=LEVEL)
        together = model.predict(test, intervals=LEVEL, joint=True)
        outputs = model.outputs(test)
    weights = np.ones(len(test))
    if table.group is not None:
        weights = 1 / test[table.group].map(test[table.group].value_counts()).to_numpy(float)
    found, all_inside = {}, np.ones(len(test), dtype=bool)
    for name, kind in table.targets.items():
        labelled = test[name].notna().to_numpy()
        inside = covered(test[name], alone, name, kind)
        all_inside &= covered(test[name], together, name, kind) | ~labelled
        found[name] = {"coverage": average(inside, weights * labelled)}
        if kind == "regression":
            found[name] |= lengths(model, alone, name, weights * labelled)
        else:
            found[name] |= sets(model, test[name], outputs, name, derive_seed(seed, name))
            sizes = alone[f"{name}:set"].str.count(r"(?<!\\)\|").to_numpy() + 1
            found[name]["size"] = average(sizes, weights)
    complete = test[list(table.targets)].notna().all(axis=1).to_numpy()
    found["all targets"] = {"coverage": average(all_inside, weights * complete)}
    return found


def covered(labels: pd.Series, answers: pd.DataFrame, name: str, kind: str) -> np.ndarray:
    """Tell which labels lie inside."""
    if kind == "regression":
        values = labels.to_numpy(float)
        return (answers[f"{name}:low"].to_numpy() <= values) & (values <= answers[f"{name}:high"].to_numpy())
    return np.array([str(a) in b.split("|") for a, b in zip(labels, answers[f"{name}:set"], strict=True)])


def average(values: np.ndarray, weights: np.ndarray) -> float:
    return float(np.average(values, weights=weights))


def lengths(model: TableModel, answers: pd.DataFrame, name: str, weights: np.ndarray) -> Figures:
    """Return the mean length in standard deviations, and whether difficulty made lengths differ."""
    target = next(one for one in model.targets if one.task.name == name)
    length = (answers[f"{name}:high"] - answers[f"{name}:low"]).to_numpy() / target.scale
    assert model.calibration is not None
    return {
        "length": average(length, weights),
        "by difficulty": float(model.calibration.targets[name].difficulty is not None),
    }


def sets(model: TableModel, labels: pd.Series, outputs: Mapping[str, Any], name: str, seed: int) -> Figures:
    """Compare two kinds of sets at equal coverage, and probabilities with and without temperature."""
    target = next(one for one in model.targets if one.task.name == name)
    known = labels.notna().to_numpy()
    places = {text: index for index, text in enumerate(target.classes)}
    truth = np.array([places.get(str(label), -1) for label in labels[known]])
    logits = outputs[name][torch.from_numpy(np.flatnonzero(known)[truth >= 0])]
    truth = truth[truth >= 0]
    draw = numpy_generator(seed, "halves")
    first = draw.permutation(len(truth)) < len(truth) // 2
    one_minus = class_scores(target.task, logits)
    found: Figures = {}
    for kind, scores in (("LAC", one_minus), ("APS", adaptive(1 - one_minus, draw.random((len(truth), 1))))):
        own = scores[np.arange(len(truth)), truth]
        distribution = ScoreDistribution.of(own[first])
        assert distribution is not None
        radius = distribution.radius(LEVEL)
        found[f"{kind} size"] = float((scores[~first] <= radius).sum(1).mean())
        found[f"{kind} coverage"] = float((own[~first] <= radius).mean())
    assert model.calibration is not None
    temperature = model.calibration.targets[name].temperature
    found["temperature"] = temperature
    for when, factor in (("before", temperature), ("after", 1.0)):
        probabilities = 1 - class_scores(target.task, logits * factor)
        found[f"calibration error {when}"] = gap(probabilities, truth)
        found[f"log loss {when}"] = float(-np.log(probabilities[np.arange(len(truth)), truth]).mean())
    return found


def adaptive(probabilities: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the score of adaptive prediction sets: what more likely classes have, and a part of its own."""
    order = (-probabilities).argsort(1)
    ordered = np.take_along_axis(probabilities, order, axis=1)
    scores = np.empty_like(probabilities)
    np.put_along_axis(scores, order, ordered.cumsum(1) - (1 - shares) * ordered, axis=1)
    return scores


def gap(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Return the expected calibration error of 15 bins."""
    sure, right = probabilities.max(1), probabilities.argmax(1) == truth
    bins = np.minimum((sure * 15).astype(int), 14)
    return float(np.abs(np.bincount(bins, weights=sure - right, minlength=15)).sum() / len(truth))


def summary(splits: Sequence[dict[str, Figures]]) -> dict[str, Any]:
    """Average over splits, with 95 % intervals."""
    figures: dict[str, Any] = {}
    for name in splits[0]:
        figures[name] = {
            what: mean_interval([one[name][what] for one in splits]).to_json() for what in splits[0][name]
        }
    return figures


def split_figures(name: str, seed: int, *, epochs: int, most: int) -> dict[str, Any]:
    """Read the figures of a split, or measure and write them."""
    path = SPLITS / f"{name}.{epochs}.{most}.{seed}.json"
    if not path.exists():
        begun = time.process_time()
        found = measured(TABLES[name](), seed, epochs=epochs, most=most)
        content = {"figures": found, "cpu seconds": time.process_time() - begun}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(json.dumps(content).encode()))
    return json.loads(path.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(SMALL))
    parser.add_argument("--splits", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--rows", type=int, default=2000, help="training rows at most")
    parser.add_argument("--cpu-minutes", type=float, default=float("inf"), help="of a table at most")
    asked = parser.parse_args()
    for name in asked.tables:
        found: list[dict[str, Any]] = []
        for seed in range(asked.splits):
            if sum(one["cpu seconds"] for one in found) >= 60 * asked.cpu_minutes:
                break
            found.append(split_figures(name, seed, epochs=asked.epochs, most=asked.rows))
        figures: dict[str, Any] = json.loads(RESULTS.read_text())["figures"] if RESULTS.exists() else {}
        figures[name] = {
            "splits": len(found),
            "epochs": asked.epochs,
            "training rows at most": asked.rows,
            "cpu seconds": round(sum(one["cpu seconds"] for one in found), 1),
            "targets": summary([one["figures"] for one in found]),
        }
        for target, values in figures[name]["targets"].items():
            shown = ", ".join(f"{what} {value['mean']:.3f}" for what, value in values.items())
            print(f"{name}, {target}: {shown}")
        setting = {"level": LEVEL, "held out": HELD_OUT}
        write_results(
            RESULTS,
            setting=setting,
            figures=figures,
            seed=range(asked.splits),
            split="40 % held out at random, by split",
        )


if __name__ == "__main__":
    main()
