"""Activity of molecules at proteins never seen, from 16 or 64 measurements. R2 of the others, ChEMBL.

    POLYTASK_DATA=folder python benchmarks/quality/few_shot_molecules.py
    POLYTASK_DATA=folder python benchmarks/quality/few_shot_molecules.py --apart

The 217 proteins with 100 labels or more are dealt into five folds. In turn a fold is the test, the next one
the validation, and all other proteins, the small ones included, are for training: every protein is tested
once, by learners that saw none of its labels. But nearly all its molecules (97 % in fold 0) were measured
at other proteins too, often related ones, and those labels are in training, as they would be in a laboratory.
``--apart`` takes every molecule of a validation or test protein out of training, which leaves 36 % of its
labels. Without known molecules, and with so much less to learn from, networks gain nothing over one protein's
own labels and a similarity: do not take the first figures for what is gained on new molecules.

A protein is judged by R2 on all labels that are not its support, averaged over three draws of support, then
over proteins. Intervals are over proteins, and "over ridge" pairs them. Whatever is chosen, such as a penalty
or when to stop, is chosen on the validation proteins, for 16 and 64 labels apart where nothing is trained
further. The encoder's widths, dropout and epochs and the kernel were settled once, on the validation
proteins of fold 0, which are the test of fold 1. A quarter of an hour on one core. Writes
``results/few-shot-molecules.json``.
"""

import argparse
import copy
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results import write_results  # beside this file
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import Batch, EpisodicLearner, Learner, Task, derive_seed, generator, mean_interval, seeded
from polytask.core.random import numpy_generator
from polytask.data import TaskEpisodes
from polytask.datasets import chembl5
from polytask.datasets.formats.molecules_file import Molecules
from polytask.meta.metric.gaussian_process_head import GaussianProcessHead, tanimoto
from polytask.meta.metric.ridge_regression import RidgeRegression
from polytask.meta.model import CNP
from polytask.train import Validation, train

RESULTS = Path(__file__).parent / "results" / "few-shot-molecules.json"
SHOTS = (16, 64)
LEAST = 100  # labels of a protein that is judged
N_FOLDS = 5
N_BITS = 1024
WIDTHS = (512, 256)
N_EPOCHS = 8
TASK = Task(name="activity", kind="regression")

Answer = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From the support's inputs and labels and the query's inputs to the query's labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Labelled molecules by protein, standardized by all training labels together.

    Args:
        number: Of the fold, and the seed.
        train: For training.
        validation: To choose.
        test: To judge once.
    """

    number: int
    train: Mapping[str, Batch]
    validation: Mapping[str, Batch]
    test: Mapping[str, Batch]


def folds_of(data: Molecules) -> list[list[int]]:
    """Deal the columns of large proteins into folds."""
    large = np.flatnonzero(data.n_labels() >= LEAST)
    order = numpy_generator(0, "folds").permutation(large)
    return [order[number::N_FOLDS].tolist() for number in range(N_FOLDS)]


def prepare(data: Molecules, number: int, *, apart: bool) -> Fold:
    """Divide the proteins.

    Args:
        data: All of them.
        number: Of the fold.
        apart: Whether no molecule of a validation or test protein is used in training.
    """
    folds = folds_of(data)
    test, validation = folds[number], folds[(number + 1) % N_FOLDS]
    held_out = {*test, *validation}
    usable = np.ones(len(data), dtype=bool)
    if apart:
        _, molecule = np.unique(data.packed, axis=0, return_inverse=True)
        seen = ~np.isnan(data.labels[:, sorted(held_out)]).all(1)
        usable = ~np.isin(molecule, molecule[seen])
    counts = (~np.isnan(data.labels[usable])).sum(0)
    train = [c for c, n in enumerate(counts) if n >= 4 and c not in held_out]
    known = data.labels[usable][:, train]
    center, scale = float(np.nanmean(known)), float(np.nanstd(known))
    inputs = data.fingerprints()

    def batches(columns: Sequence[int], allowed: np.ndarray | bool = True) -> dict[str, Batch]:
        found = {}
        for column in columns:
            rows = np.flatnonzero(~np.isnan(data.labels[:, column]) & allowed)
            labels = torch.from_numpy((data.labels[rows, column] - center) / scale)
            found[data.assays[column]] = Batch(inputs=inputs[rows], targets={TASK.name: labels})
        return found

    return Fold(
        number=number, train=batches(train, usable), validation=batches(validation), test=batches(test)
    )


def judge(answer: Answer, proteins: Mapping[str, Batch], n_shot: int, n_draws: int) -> dict[str, float]:
    """Return R2 by protein, averaged over draws; the draws are the same for every method."""
    found = {}
    for name, rows in proteins.items():
        inputs, labels = tensor(rows.inputs), rows.targets[TASK.name]
        scores = []
        for draw in range(n_draws):
            order = torch.randperm(len(rows), generator=generator(draw, "draw", name, n_shot))
            support, query = order[:n_shot], order[n_shot:]
            error = answer(inputs[support], labels[support], inputs[query]) - labels[query]
            scores.append(1 - float(error.square().mean() / labels[query].var(correction=0)))
        found[name] = float(np.mean(scores))
    return found


def mean_of(scores: Mapping[str, float]) -> float:
    return float(np.mean(list(scores.values())))


def tensor(inputs: object) -> Tensor:
    assert isinstance(inputs, Tensor)
    return inputs


# What a protein's labels alone give.


def ridge(penalty: float, features: Callable[[Tensor], Tensor] = lambda x: x) -> Answer:
    """Regress on features, with a free intercept."""
    learner = RidgeRegression(nn.Identity(), penalty=penalty)

    def answer(x: Tensor, y: Tensor, query: Tensor) -> Tensor:
        return answer_of(learner)(features(x), y, features(query))

    return answer


def kernel_ridge(penalty: float) -> Answer:
    """Regress on the similarities of fingerprints, around the mean of the labels."""

    def answer(x: Tensor, y: Tensor, query: Tensor) -> Tensor:
        weights = torch.linalg.solve(tanimoto(x, x) + penalty * torch.eye(len(x)), y - y.mean())
        return tanimoto(query, x) @ weights + y.mean()

    return answer


def answer_of(learner: EpisodicLearner) -> Answer:
    def answer(x: Tensor, y: Tensor, query: Tensor) -> Tensor:
        with torch.no_grad():
            predictor = learner.adapt([TASK], Batch(inputs=x, targets={TASK.name: y}))
            return predictor(query)[TASK.name].squeeze(-1)

    return answer


# What training proteins give.


def encoder(dropout: float = 0.25) -> nn.Sequential:
    first, second = WIDTHS
    return nn.Sequential(
        nn.Linear(N_BITS, first),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Dropout(dropout),
    )


def pretrained(fold: Fold, n_epochs: int) -> nn.Sequential:
    """Train an encoder with a linear output for every training protein at once."""
    names = list(fold.train)
    x = torch.cat([tensor(rows.inputs) for rows in fold.train.values()])
    y = torch.cat([rows.targets[TASK.name] for rows in fold.train.values()])
    which = torch.cat([torch.full((len(rows),), i) for i, rows in enumerate(fold.train.values())])
    with seeded(fold.number, "initialization"):
        body = encoder()
        heads = nn.Embedding(len(names), WIDTHS[-1] + 1)  # weights and intercept of every protein
    nn.init.normal_(heads.weight, std=0.02, generator=generator(fold.number, "heads"))
    with torch.no_grad():
        for i, rows in enumerate(fold.train.values()):
            heads.weight[i, -1] = rows.targets[TASK.name].mean()
    groups = [
        {"params": body.parameters(), "weight_decay": 0.01},
        {"params": heads.parameters(), "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3)
    n_steps = n_epochs * math.ceil(len(y) / 512)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, n_steps)
    with seeded(fold.number, "training"):
        for _ in range(n_epochs):
            for rows in torch.randperm(len(y)).split(512):
                own = heads(which[rows])  # [row, feature + 1]
                found = (body(x[rows]) * own[:, :-1]).sum(1) + own[:, -1]
                loss = (found - y[rows]).square().mean() + 1e-4 * own[:, :-1].square().sum(1).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return body.eval()


def without_dropout(body: nn.Sequential) -> nn.Sequential:
    """Return a fixed copy of an encoder."""
    layers = [layer for layer in copy.deepcopy(body) if not isinstance(layer, nn.Dropout)]
    return nn.Sequential(*layers).requires_grad_(False)


class Beside(nn.Module):
    """Puts the features of an encoder beside the fingerprint, both of the same mean length at first."""

    def __init__(self, body: nn.Module, inputs: Tensor) -> None:
        super().__init__()
        self.body = body
        with torch.no_grad():
            ratio = inputs.square().sum(1).mean() / without_gradient(body, inputs).square().sum(1).mean()
        self.log_scale = nn.Parameter(0.5 * ratio.log())

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.cat([self.log_scale.exp() * self.body(inputs), inputs], 1)


def without_gradient(body: nn.Module, inputs: Tensor) -> Tensor:
    training = body.training
    with torch.no_grad():
        found = body.eval()(inputs)
    body.train(training)
    return found


def tuned(body: nn.Sequential, n_steps: int, seed: int) -> Answer:
    """Train a copy of the encoder and a new linear output on the support, from zero output."""

    def answer(x: Tensor, y: Tensor, query: Tensor) -> Tensor:
        head = nn.Linear(WIDTHS[-1], 1)
        model = nn.Sequential(copy.deepcopy(body), head)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        optimizer = torch.optim.AdamW(
            [{"params": model[0].parameters(), "lr": 1e-4}, {"params": head.parameters(), "lr": 1e-2}],
            weight_decay=0.1,
        )
        model.train()
        with seeded(seed, "dropout"):
            for _ in range(n_steps):
                optimizer.zero_grad()
                functional.mse_loss(model(x).squeeze(-1), y - y.mean()).backward()
                optimizer.step()
        return without_gradient(model, query).squeeze(-1) + y.mean()

    return answer


def fit(learner: EpisodicLearner, fold: Fold, *, body_rate: float, rate: float, n_steps: int) -> Learner:
    """Train a learner on episodes of training proteins; validation proteins choose the step."""
    body = [p for name, p in learner.named_parameters() if name.startswith("encoder.")]
    rest = [p for name, p in learner.named_parameters() if not name.startswith("encoder.")]
    groups = [{"params": body, "lr": body_rate}, {"params": rest, "lr": rate, "weight_decay": 0.0}]
    large = {name: rows for name, rows in fold.train.items() if len(rows) >= 80}
    with seeded(fold.number, "episodes"):
        train(
            learner,
            episodes(large, fold.number),
            n_steps=n_steps,
            optimizer=lambda _: torch.optim.AdamW([g for g in groups if g["params"]], weight_decay=0.01),
            validate=lambda _: validation(learner, fold),
            validate_every=n_steps // 4,
            seed=derive_seed(fold.number, "training"),
        )
    return learner


def episodes(proteins: Mapping[str, Batch], seed: int) -> TaskEpisodes:
    return TaskEpisodes(TASK, proteins, n_support=(12, 64), n_query=32, n_episodes=8, seed=seed)


def validation(learner: EpisodicLearner, fold: Fold) -> Validation:
    scores = {f"{n} labels": mean_of(judge(answer_of(learner), fold.validation, n, 1)) for n in SHOTS}
    return Validation(score=mean_of(scores), metrics=scores)


def similarity_alone(fold: Fold) -> Learner:
    """Fit what a process on fingerprints has to learn, four numbers, to training proteins."""
    learner = GaussianProcessHead(None, n_inputs=N_BITS, similarity=tanimoto)
    return fit(learner, fold, body_rate=0.0, rate=3e-2, n_steps=100)


def fixed_features(fold: Fold, body: nn.Sequential) -> GaussianProcessHead:
    """Fit five numbers to validation proteins: training proteins taught the features, which flatter them."""
    learner = GaussianProcessHead(without_dropout(body), n_inputs=N_BITS, similarity=tanimoto)
    train(
        learner,
        episodes(fold.validation, fold.number),
        n_steps=100,
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-2),
        seed=derive_seed(fold.number, "training"),
    )
    return learner


def through_process(fold: Fold, body: nn.Sequential, start: GaussianProcessHead) -> Learner:
    """Train the features on, through the posterior."""
    learner = GaussianProcessHead(copy.deepcopy(body), n_inputs=N_BITS, similarity=tanimoto)
    with torch.no_grad():
        for name in ("level", "log_noise", "log_scales"):
            getattr(learner, name).copy_(getattr(start, name))
    return fit(learner, fold, body_rate=1e-4, rate=3e-3, n_steps=100)


def methods(fold: Fold) -> dict[str, Callable[[], list[Answer]]]:
    """Return the trials of every method."""
    x = torch.cat([tensor(rows.inputs) for rows in fold.train.values()])[::10]
    body = pretrained(fold, N_EPOCHS)
    fixed = without_dropout(body)
    beside = Beside(fixed, x).requires_grad_(False)
    scale = float(beside.log_scale.exp())
    process = fixed_features(fold, body)

    def trained(learner: Learner) -> list[Answer]:
        assert isinstance(learner, EpisodicLearner)
        return [answer_of(learner)]

    return {
        "ridge": lambda: [ridge(p) for p in (3.0, 10.0, 30.0)],
        "similarity ridge": lambda: [kernel_ridge(p) for p in (0.03, 0.1, 0.3)],
        "similarity process": lambda: trained(similarity_alone(fold)),
        "joint network, fine-tuned": lambda: [tuned(body, n, fold.number) for n in (10, 30)],
        "joint network, ridge": lambda: [
            ridge(p, lambda z: scale * fixed(z)) for p in (3.0, 10.0, 30.0, 100.0)
        ],
        "joint network + fingerprint, ridge": lambda: [ridge(p, beside) for p in (3.0, 10.0, 30.0, 100.0)],
        "joint network + fingerprint, trained through the ridge": lambda: trained(
            fit(
                RidgeRegression(Beside(copy.deepcopy(body), x), penalty=15.0),
                fold,
                body_rate=1e-4,
                rate=1e-2,
                n_steps=100,
            )
        ),
        "joint network + similarity, process": lambda: trained(process),
        "joint network + similarity, trained through the process": lambda: trained(
            through_process(fold, body, process)
        ),
        "conditional neural process": lambda: trained(
            fit(CNP(N_BITS), fold, body_rate=5e-4, rate=5e-4, n_steps=200)
        ),
    }


def run(fold: Fold, n_draws: int) -> dict[str, dict[int, dict[str, float]]]:
    """Return R2 by method, number of labels and test protein."""
    found = {}
    for name, trials in methods(fold).items():
        start = time.process_time()
        answers = trials()
        found[name] = {}
        for n_shot in SHOTS:
            chosen = answers[0]
            if len(answers) > 1:
                scores = [mean_of(judge(answer, fold.validation, n_shot, 1)) for answer in answers]
                chosen = answers[int(np.argmax(scores))]
            found[name][n_shot] = judge(chosen, fold.test, n_shot, n_draws)
        means = {n: round(mean_of(scores), 3) for n, scores in found[name].items()}
        print(f"fold {fold.number} {name}: {means} {time.process_time() - start:.0f} s", flush=True)
    return found


def summary(by_fold: list[dict[str, dict[int, dict[str, float]]]]) -> dict[str, Any]:
    """Join the folds: every protein counts once."""
    table: dict[str, Any] = {}
    for name in by_fold[0]:
        row: dict[str, Any] = {}
        for n_shot in SHOTS:
            values = [score for fold in by_fold for score in fold[name][n_shot].values()]
            base = [score for fold in by_fold for score in fold["ridge"][n_shot].values()]
            row[f"{n_shot} labels"] = {
                "R2": mean_interval(values).format(3),
                "over ridge": mean_interval([a - b for a, b in zip(values, base)]).format(3),
                "better than ridge": f"{sum(a > b for a, b in zip(values, base))} of {len(values)}",
                "by fold": [round(mean_of(fold[name][n_shot]), 3) for fold in by_fold],
            }
        table[name] = row
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fold", type=int, nargs="+", default=list(range(N_FOLDS)))
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--output", type=Path, default=RESULTS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    data = chembl5()
    by_fold = []
    for number in asked.fold:
        by_fold.append(run(prepare(data, number, apart=asked.apart), asked.draws))
        figures = json.loads(asked.output.read_text())["figures"] if asked.output.is_file() else {}
        figures["molecules apart" if asked.apart else "all molecules"] = {
            "folds": asked.fold[: len(by_fold)], "draws": asked.draws, "methods": summary(by_fold)
        }  # fmt: skip
        setting = {
            "proteins": f"ChEMBL, those with {LEAST} labels or more are tested, each once in {N_FOLDS} folds",
            "metric": "R2 on all other labels of a protein; 95 % intervals over proteins",
            "encoder": f"{N_BITS} bits, layers {WIDTHS}, {N_EPOCHS} epochs on all training proteins at once",
        }
        write_results(
            asked.output, setting=setting, figures=figures, seed=0, split="five folds over proteins"
        )


if __name__ == "__main__":
    main()
