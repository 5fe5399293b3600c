"""School: 139 small regressions, on the ten official splits. Explained variance of the test pupils.

Run: ``python benchmarks/quality/school.py`` (about ten minutes). Writes ``results/school.json``.

Every method has three trials, of which a tenth of the training pupils, held out, chooses one. The networks
are ensembles of eight, each trained on its own loss. Intervals allow for overlapping splits (Nadeau, Bengio,
Machine Learning 2003).
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from overlaps import overlap  # beside this file
from results import write_results
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from polytask.architectures import HardSharing
from polytask.core import Batch, SharedModel, Task, derive_seed, generator, mean_interval, seeded
from polytask.data import JointSource
from polytask.datasets import school
from polytask.datasets.school_exams import School, SchoolSplit
from polytask.encoders.tabm import member_task
from polytask.train import train

RESULTS = Path(__file__).parent / "results" / "school.json"
N_EPOCHS = 30
BATCH_SIZE = 256


@dataclass(frozen=True, slots=True)
class Split:
    """Standardized pupils; positions of those that train, choose and test."""

    features: Tensor
    scores: Tensor
    schools: Tensor
    train: Tensor
    choose: Tensor
    official: SchoolSplit
    center: float
    scale: float


class Network(nn.Module):
    """An ensemble: what all schools share, and if wanted a vector and a linear regression of each school.

    The vectors are inputs of the shared layers. Members are independent networks in one batched product.
    """

    def __init__(
        self, n_features: int, n_schools: int, *, own: bool, members: int = 8, width: int = 64
    ) -> None:
        super().__init__()
        self.own = own
        n_inputs = n_features + (4 if own else 0)
        self.layers = nn.ParameterList(
            [torch.randn(members, a, b) * (gain / a) ** 0.5 for a, b, gain in
             ((n_inputs, width, 1.0), (width, width, 2.0), (width, 1, 0.1))]
        )  # fmt: skip
        self.offsets = nn.ParameterList([torch.zeros(members, 1, size) for size in (width, width, 1)])
        self.line = nn.Parameter(torch.zeros(members, n_features, 1))
        self.vectors = nn.Parameter(0.1 * torch.randn(members, n_schools, 4), requires_grad=own)
        self.levels = nn.Parameter(torch.zeros(members, n_schools), requires_grad=own)
        self.slopes = nn.Parameter(torch.zeros(members, n_schools, n_features), requires_grad=own)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return the members' answers ``[pupil, member, 1]``."""
        features, schools = inputs["features"], inputs["school"]
        each = features.expand(len(self.line), -1, -1)  # [member, pupil, feature]
        hidden = torch.cat([each, self.vectors[:, schools]], dim=-1) if self.own else each
        for weight, offset in zip(self.layers[:2], self.offsets[:2]):
            hidden = nn.functional.dropout(torch.relu(hidden @ weight + offset), 0.2, self.training)
        answer = (hidden @ self.layers[2] + self.offsets[2] + each @ self.line).squeeze(-1)
        if self.own:
            answer = answer + self.levels[:, schools] + (self.slopes[:, schools] * each).sum(-1)
        return answer.T.unsqueeze(-1)

    def groups(self, slope_decay: float) -> list[dict[str, object]]:
        """Return parameters with their weight decay."""
        shared = [*self.layers, *self.offsets, self.line]
        return [
            {"params": shared, "weight_decay": 0.3},
            {"params": [self.vectors, self.levels], "weight_decay": 1.0},
            {"params": [self.slopes], "weight_decay": slope_decay},
        ]


class Average(nn.Module):
    """Lets every member learn, and answers with their mean."""

    def forward(self, answers: Tensor) -> Tensor:
        """From ``[pupil, member, 1]``."""
        return answers if self.training else answers.mean(1)


def prepare(data: School, number: int) -> Split:
    official = data.splits[number]
    order = torch.randperm(len(official.train), generator=generator(number, "choose"))
    cut = len(order) // 10
    choose, rows = official.train[order[:cut]], official.train[order[cut:]]
    mean, deviation = data.features[rows].mean(0), data.features[rows].std(0)
    center, scale = float(data.scores[rows].mean()), float(data.scores[rows].std())
    features = (data.features - mean) / deviation.clamp(min=1e-6)
    scores = (data.scores - center) / scale
    return Split(features, scores, data.schools, rows, choose, official, center, scale)


def network(split: Split, number: int, *, own: bool, slope_decay: float = 10.0, power: float = 1.0) -> Tensor:
    """Train the network and return its answers for all pupils.

    Args:
        split: The split.
        number: Its number, which is the seed.
        own: Whether schools have something of their own.
        slope_decay: Weight decay of the schools' own slopes.
        power: A school of n pupils is drawn in proportion to n to this power.
    """
    rows = split.train
    if power != 1.0:
        counts = torch.bincount(split.schools[rows]).double()
        shares = counts[split.schools[rows]] ** (power - 1)
        rows = rows[
            torch.multinomial(shares, 4 * len(rows), replacement=True, generator=generator(number, "draw"))
        ]
    task = member_task(Task(name="score", kind="regression"))
    inputs = {"features": split.features, "school": split.schools}
    with seeded(number, "initialization"):
        trunk = Network(split.features.shape[1], int(split.schools.max()) + 1, own=own)
        model = SharedModel([task], HardSharing(trunk), {"score": Average()})
    n_steps = N_EPOCHS * len(split.train) // BATCH_SIZE

    def optimizer(_: list[nn.Parameter]) -> Optimizer:
        return AdamW(trunk.groups(slope_decay), lr=3e-3)

    data = Batch(inputs={k: v[rows] for k, v in inputs.items()}, targets={"score": split.scores[rows]})
    train(
        model,
        JointSource([task], data, batch_size=BATCH_SIZE, seed=derive_seed(number, "order")),
        n_steps=n_steps,
        optimizer=optimizer,
        schedule=lambda step: 0.5 * (1 + torch.cos(torch.tensor(torch.pi * step / n_steps)).item()),
        seed=number,
    )
    with torch.no_grad():
        return model.adapt([task])(inputs)["score"].squeeze(-1)


def ridge(split: Split, *, common: float | None, own: float | None) -> Tensor:
    """Regress on what all schools share plus what each has of its own, in closed form, for all pupils.

    Args:
        split: The split.
        common: Penalty of the shared coefficients; None leaves them out.
        own: Penalty of each school's coefficients; None leaves them out.
    """
    inputs = torch.cat([split.features, torch.ones(len(split.features), 1)], 1).double()
    scores = split.scores.double()
    eye = torch.eye(inputs.shape[1], dtype=torch.float64)
    n_schools = int(split.schools.max()) + 1
    left = torch.zeros_like(eye) if common is None else common * eye
    right = torch.zeros(len(eye), dtype=torch.float64)
    solutions = []
    for number in range(n_schools):
        rows = split.train[split.schools[split.train] == number]
        products, sums = inputs[rows].T @ inputs[rows], inputs[rows].T @ scores[rows]
        # What a school has of its own, as a function of the shared coefficients: offset - slope @ shared.
        both = torch.cat([products, sums[:, None]], 1)
        solved = torch.zeros_like(both) if own is None else torch.linalg.solve(products + own * eye, both)
        solutions.append(solved)
        left = left + products - products @ solved[:, :-1]
        right = right + sums - products @ solved[:, -1]
    shared = torch.zeros_like(right) if common is None else torch.linalg.solve(left, right)
    weights = torch.stack([shared + each[:, -1] - each[:, :-1] @ shared for each in solutions])
    return (inputs * weights[split.schools]).sum(1).float()


METHODS: dict[str, list[Callable[[Split, int], Tensor]]] = {
    "ridge per school": [lambda s, _, w=w: ridge(s, common=None, own=w) for w in (10.0, 30.0, 100.0)],
    "one ridge": [lambda s, _, w=w: ridge(s, common=w, own=None) for w in (1.0, 10.0, 100.0)],
    "shared + own ridge": [lambda s, _, w=w: ridge(s, common=1.0, own=w) for w in (10.0, 30.0, 100.0)],
    "one network": [lambda s, n, p=p: network(s, n, own=False, power=p) for p in (0.0, 0.5, 1.0)],
    "shared + own network, equal pupils": [
        lambda s, n, d=d: network(s, n, own=True, slope_decay=d) for d in (3.0, 10.0, 30.0)
    ],
    "shared + own network, weighted schools": [
        lambda s, n, p=p: network(s, n, own=True, power=p) for p in (0.0, 0.5, 0.75)
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=10)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    data = school()
    found: dict[str, list[float]] = {name: [] for name in METHODS}
    seconds = dict.fromkeys(METHODS, 0.0)
    for number in range(asked.splits):
        split = prepare(data, number)
        for name, trials in METHODS.items():
            start = time.perf_counter()
            answers = [trial(split, number) for trial in trials]
            errors = [float((a - split.scores)[split.choose].square().mean()) for a in answers]
            best = answers[errors.index(min(errors))] * split.scale + split.center
            found[name].append(data.explained_variance(best[split.official.test], split.official.test))
            seconds[name] += time.perf_counter() - start
        print(number, {name: round(values[-1], 2) for name, values in found.items()}, flush=True)
    first = data.splits[0]
    ratio = overlap(len(first.test), len(first.train))
    base = found["shared + own ridge"]
    figures = {
        name: {
            "explained variance": mean_interval(values, test_over_train=ratio).format(2),
            "over the shared + own ridge": mean_interval(
                [ours - theirs for ours, theirs in zip(values, base)], test_over_train=ratio
            ).format(2),
            "by split": [round(value, 2) for value in values],
            "seconds": round(seconds[name], 1),
        }
        for name, values in found.items()
    }
    for name, row in figures.items():
        print(f"{name:40} {row['explained variance']:>14}  {row['over the shared + own ridge']}")
    setting = {"splits": asked.splits, "epochs": N_EPOCHS, "trials per method": 3, "members": 8, "width": 64}
    write_results(
        RESULTS, setting=setting, figures=figures, seed=range(asked.splits), split="the official ten"
    )


if __name__ == "__main__":
    main()
