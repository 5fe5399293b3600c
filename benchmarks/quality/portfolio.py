"""Which heads to try on a few labelled examples: a portfolio from logged runs, judged on other kinds of data.

    POLYTASK_DATA=folder python benchmarks/quality/portfolio.py   # a minute and a half of one core

A task is a draw of classes and of 2, 5 or 20 examples each from a dataset that polytask was built on: texts,
sounds, drawings, digits and tables of numbers (``pip install --no-deps river`` has two of them). Features are
those that `polytask.adapt` makes. Every head with every strength of a grid is fitted to the support; logged
are its accuracy and log loss on queries, its log loss on examples that are left out of the support, and
`task_features`.

Then each kind of data is left out with all its datasets, and a strategy names heads to try from the log of
the others; of these the support chooses, by examples left out, as `polytask.meta.heads.choose_head` does. So
queries choose nothing, and no data of the kind do. Intervals are over datasets, each by the mean over its
tasks. Writes ``logs/portfolio-log.json``, a `RunLog` of accuracies, and ``results/portfolio.json``.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from known_tasks import drawings, intents, speakers, titles  # beside this file
from results import write_results
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from polytask.core import Batch, Task, mean_interval
from polytask.data.examples.reading import read_examples
from polytask.datasets import mnist, penguins_table
from polytask.datasets.location import package_folder
from polytask.estimators.adapt_examples import encoded_space
from polytask.meta.heads import fit_head
from polytask.meta.heads.head_choice import HEADS, first_unbeaten
from polytask.meta.heads.held_out_scores import held_out_scores, turns_of, within_rows
from polytask.meta.heads.sharpness import best_sharpness, log_losses
from polytask.selection.described_task import task_features
from polytask.selection.first_choices import warm_start_order
from polytask.selection.portfolio import greedy_portfolio
from polytask.selection.run_log import RunLog

HERE = Path(__file__).parent
LOG = HERE.parent / "logs" / "portfolio-log.json"
RESULTS = HERE / "results" / "portfolio.json"
WAYS, SHOTS = (2, 5, 10, 20, 60), (2, 5, 20)
DRAWS, N_QUERIES, MOST_ROWS = 2, 15, 200
SIZES = (1, 2, 3, 4, 6)
GRID: tuple[tuple[str, float], ...] = (
    *(("logistic", strength) for strength in (1.0, 3.0, 10.0, 30.0, 100.0)),
    *(("class-means", strength) for strength in (1.0, 0.9, 0.6, 0.3)),
    *(("ridge", strength) for strength in (0.1, 0.3, 1.0, 10.0)),
    *(("svm", strength) for strength in (0.1, 1.0, 10.0)),
)
PROTOTYPES = GRID.index(("class-means", 1.0))
EVERY_HEAD = tuple((name, strength) for name, entry in HEADS.items() for strength in entry.strengths)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Labelled items of a dataset; a task has classes of one group."""

    items: Sequence[Any]
    labels: np.ndarray
    groups: np.ndarray
    encoder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A task with what was logged of every configuration of the grid.

    Args:
        accuracies: On queries, ``[configuration]``.
        losses: The log loss on queries, ``[configuration]``.
        held_out: The log loss of each row that was left out, ``[configuration, row]``.
        seconds: To fit it, once and in turns, ``[configuration]``.
    """

    kind: str
    dataset: str
    name: str
    features: torch.Tensor
    feature_names: tuple[str, ...]
    accuracies: np.ndarray
    losses: np.ndarray
    held_out: np.ndarray
    seconds: np.ndarray


def known(read: Callable[[], Any], encoder: str | None = None) -> Callable[[], Pool]:
    def pool() -> Pool:
        found = read()
        return Pool(items=found.items, labels=found.labels, groups=found.groups, encoder=encoder)

    return pool


def handwritten() -> Pool:
    data = mnist("train")
    rows = np.concatenate([np.flatnonzero(data.labels.numpy() == digit)[:60] for digit in range(10)])
    images = 255 - data.inputs[rows].expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
    return Pool(
        items=list(images), labels=data.labels.numpy()[rows], groups=np.zeros(len(rows)), encoder="drawings"
    )


def vectors(read: Callable[[], Any]) -> Callable[[], Pool]:
    def pool() -> Pool:
        numbers, labels = read()
        return Pool(
            items=list(np.asarray(numbers, dtype=np.float32)), labels=labels, groups=np.zeros(len(labels))
        )

    return pool


def of_river(file: str, target: str) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    def read() -> tuple[np.ndarray, np.ndarray]:
        folder = package_folder("river", extra="builtin", purpose=file) / "datasets"
        frame = pd.read_csv(folder / file)
        labels, _ = pd.factorize(frame.pop(target))
        return frame.select_dtypes("number").to_numpy(), labels

    return read


def of_penguins() -> tuple[np.ndarray, np.ndarray]:
    frame = penguins_table().dropna()
    labels, _ = pd.factorize(frame["species"])
    return frame.select_dtypes("number").to_numpy(), labels


DATASETS: Mapping[tuple[str, str], Callable[[], Pool]] = {
    ("texts", "intents"): known(intents),
    ("texts", "titles"): known(titles),
    ("drawings", "Omniglot"): known(drawings, "drawings"),
    ("digits", "MNIST"): handwritten,
    ("sounds", "spoken digits"): known(speakers),
    ("tables", "iris"): vectors(lambda: load_iris(return_X_y=True)),
    ("tables", "wine"): vectors(lambda: load_wine(return_X_y=True)),
    ("tables", "breast cancer"): vectors(lambda: load_breast_cancer(return_X_y=True)),
    ("tables", "penguins"): vectors(of_penguins),
    ("tables", "segments"): vectors(of_river("segment.csv.zip", "category")),
    ("tables", "phishing"): vectors(of_river("phishing.csv.gz", "is_phishing")),
}
"""What reads the datasets, by their kind and name."""


def run_dataset(kind: str, dataset: str, pool: Pool) -> Iterator[Run]:
    """Run the grid on tasks of a dataset."""
    most = max(len(np.unique(pool.labels[pool.groups == group])) for group in np.unique(pool.groups))
    for way in sorted({min(way, most) for way in WAYS}):
        for shot in SHOTS:
            for draw in range(DRAWS):
                if (rows := drawn(pool, way, shot, draw)) is not None:
                    yield run_task(kind, dataset, f"{dataset}, {way} x {shot}, {draw}", pool, *rows)


def drawn(pool: Pool, way: int, shot: int, draw: int) -> tuple[list[int], list[int]] | None:
    """Draw rows of a support and of queries; None where there are too few classes or too many rows."""
    chance = np.random.default_rng([way, shot, draw])
    group = chance.choice(np.unique(pool.groups))
    there = np.flatnonzero(pool.groups == group)
    classes = chance.permutation(np.unique(pool.labels[there]))[:way]
    if len(classes) < way or way * shot > MOST_ROWS:
        return None
    support: list[int] = []
    asked: list[int] = []
    for one in classes:
        rows = chance.permutation(there[pool.labels[there] == one])
        if len(rows) < shot + 5:
            return None
        support += rows[:shot].tolist()
        asked += rows[shot : shot + N_QUERIES].tolist()
    return support, asked


def run_task(
    kind: str, dataset: str, name: str, pool: Pool, support: list[int], asked: list[int]
) -> Run:  # fmt: skip
    given = [str(label) for label in pool.labels[support]]
    examples = read_examples([pool.items[row] for row in support], labelled=True, labels=given)
    space, held, _ = encoded_space(examples, pool.encoder)
    classes, labels = np.unique(np.array(given), return_inverse=True)
    truth = np.searchsorted(classes, np.array([str(label) for label in pool.labels[asked]]))
    rows = space.joined(held)
    queries = space.features([pool.items[row] for row in asked]).double().numpy()
    table = Batch(inputs=rows, targets={"class": torch.from_numpy(labels)})
    described = task_features(Task(name="class", kind="multiclass", n_outputs=len(classes)), table)
    cells = [
        configuration(rows.double().numpy(), labels, queries, truth, head, strength)
        for head, strength in GRID
    ]
    return Run(
        kind=kind,
        dataset=dataset,
        name=name,
        features=described.values,
        feature_names=described.names,
        accuracies=np.array([cell[0] for cell in cells]),
        losses=np.array([cell[1] for cell in cells]),
        held_out=np.stack([cell[2] for cell in cells]),
        seconds=np.array([cell[3] for cell in cells]),
    )


def configuration(
    rows: np.ndarray, labels: np.ndarray, queries: np.ndarray, truth: np.ndarray, head: str, strength: float
) -> tuple[float, float, np.ndarray, float]:
    """Return accuracy and log loss on queries, log losses of rows left out, and seconds."""
    n_classes = int(labels.max()) + 1
    turns = turns_of(labels, n_classes)
    start = time.process_time()
    inside = within_rows(rows)[0]
    scores = held_out_scores(HEADS[head].fit, inside, labels, n_classes, strength, turns)
    fitted = fit_head(rows, labels, n_classes, name=head, strength=strength)
    seconds = time.process_time() - start
    sharpness = best_sharpness(scores, labels, usual=HEADS[head].sharpness)
    answers = fitted.scores(queries)
    accuracy = float((answers.argmax(1) == truth).mean())
    loss = float(log_losses(answers, truth, sharpness).mean())
    return accuracy, loss, log_losses(scores, labels, sharpness), seconds


def log_of(runs: Sequence[Run], names: Sequence[str], measure: str = "accuracy") -> RunLog:
    values = [run.accuracies if measure == "accuracy" else run.losses for run in runs]
    return RunLog(
        tasks=tuple(names),
        configurations=tuple(f"{head} {strength:g}" for head, strength in GRID),
        scores=torch.tensor(np.stack(values)).round(decimals=4),
        higher_is_better=measure == "accuracy",
        feature_names=runs[0].feature_names,
        features=torch.stack([run.features for run in runs]).round(decimals=4),
    )


def even_log(runs: Sequence[Run], measure: str = "accuracy") -> RunLog:
    """Log runs such that each dataset counts alike: tasks of small ones are repeated."""
    by_dataset: dict[str, list[Run]] = {}
    for run in runs:
        by_dataset.setdefault(run.dataset, []).append(run)
    most = max(map(len, by_dataset.values()))
    repeated = [held[index % len(held)] for held in by_dataset.values() for index in range(most)]
    return log_of(repeated, [f"{index}: {run.name}" for index, run in enumerate(repeated)], measure)


def order_of(log: RunLog, size: int) -> list[int]:
    names = list(log.configurations)
    return [names.index(name) for name in greedy_portfolio(log, size=size).configurations]


def portfolios(log: RunLog, of_losses: RunLog) -> dict[str, list[int]]:
    """Return the configurations that each strategy tries on any task, in their order."""
    found = {
        "always prototypes": [PROTOTYPES],
        "every head of the product": [GRID.index(one) for one in EVERY_HEAD],
        "the whole grid": list(range(len(GRID))),
    }
    for size in SIZES:
        found[f"portfolio of {size}"] = order_of(log, size)
        found[f"portfolio of {size}, by log loss"] = order_of(of_losses, size)
    return found


def chosen(run: Run, tried: Sequence[int]) -> int:
    """Choose by rows left out, as the product does."""
    return first_unbeaten({index: run.held_out[index] for index in tried})


def judged(runs: Sequence[Run]) -> dict[str, Any]:
    """Leave out each kind, and judge every strategy on it."""
    cells: dict[str, dict[str, list[dict[str, float]]]] = {}
    for kind in dict.fromkeys(run.kind for run in runs):
        others = [run for run in runs if run.kind != kind]
        log, of_losses = even_log(others), even_log(others, "log loss")
        of_all = portfolios(log, of_losses)
        for run in (run for run in runs if run.kind == kind):
            best = run.accuracies.max()
            by_likeness = {
                f"most similar tasks, {size}": warm_start_order(log, run.features, size) for size in SIZES
            }
            for strategy, tried in (of_all | by_likeness).items():
                index = chosen(run, tried)
                figures = {
                    "accuracy": float(run.accuracies[index]),
                    "below the best of the grid by": float(best - run.accuracies[index]),
                    "log loss": float(run.losses[index]),
                    "seconds": float(run.seconds[list(tried)].sum()),
                    "better than prototypes by": float(run.accuracies[index] - run.accuracies[PROTOTYPES]),
                }
                cells.setdefault(strategy, {}).setdefault(run.dataset, []).append(figures)
    return {strategy: summary(by_dataset) for strategy, by_dataset in cells.items()}


def summary(by_dataset: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, Any]:
    names = next(iter(by_dataset.values()))[0]
    means = {
        dataset: {name: float(np.mean([cell[name] for cell in cells])) for name in names}
        for dataset, cells in by_dataset.items()
    }
    found: dict[str, Any] = {
        name: mean_interval([row[name] for row in means.values()]).to_json() for name in names
    }
    return found | {"accuracy by dataset": {key: round(row["accuracy"], 4) for key, row in means.items()}}


def write(runs: Sequence[Run]) -> None:
    """Write the log and what is judged by it."""
    log_of(runs, [run.name for run in runs]).save(LOG)
    figures: dict[str, Any] = {"strategies": judged(runs)}
    for measure in ("accuracy", "log loss"):
        order = order_of(even_log(runs, measure), max(SIZES))
        figures[f"portfolio of all kinds, by {measure}"] = [list(GRID[index]) for index in order]
        print(measure, figures[f"portfolio of all kinds, by {measure}"])
    figures["tasks"] = {dataset: sum(run.dataset == dataset for run in runs) for _, dataset in DATASETS}
    for strategy, row in figures["strategies"].items():
        print(f"{strategy:28}", {key: round(row[key]["mean"], 4) for key in row if "by dataset" not in key})
    setting = {"ways": WAYS, "shots": SHOTS, "draws": DRAWS, "most rows": MOST_ROWS, "grid": GRID}
    write_results(
        RESULTS,
        setting=setting,
        figures=figures,
        seed=list(range(DRAWS)),
        split="draws by chance, kinds left out",
    )


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    runs: list[Run] = []
    for (kind, dataset), read in DATASETS.items():
        start = time.process_time()
        runs += run_dataset(kind, dataset, read())
        print(dataset, len(runs), f"{time.process_time() - start:.0f} s", flush=True)
    write(runs)


if __name__ == "__main__":
    main()
