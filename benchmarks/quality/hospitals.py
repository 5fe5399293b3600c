"""Heart disease at four hospitals: one network for all, a network each, and an encoder each before one trunk.

    POLYTASK_DATA=folder python benchmarks/quality/hospitals.py --seed 0 1 2 3 4

920 patients; the hospitals did not make the same examinations, Switzerland none of cholesterol. Every seed
cuts the patients 60/20/20; the validation part chooses the step. The figure is the ROC-AUC of "any narrowing"
on the test patients of a hospital. "pooled" asks one task of all; "by hospital" has a head for each on one
trunk; "own encoders" gives each hospital a first layer of its own; "separate" shares nothing. Writes
``results/hospitals.json``; some minutes on one core.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from overlaps import overlap  # beside this file
from results import write_results
from torch import Tensor, nn

from polytask.architectures import HardSharing, MultiInputSharing, table_trunk
from polytask.core import (
    Batch,
    Learner,
    Predictor,
    SharedModel,
    Sharing,
    Task,
    generator,
    mean_interval,
    seeded,
)
from polytask.data import JointSource
from polytask.datasets import heart_sites
from polytask.evaluate import evaluate
from polytask.train import Validation, train

OVERLAP = overlap(20, 60)  # of 100 rows 20 are judged, 60 trained on
RESULTS = Path(__file__).parent / "results" / "hospitals.json"
N_STEPS, WIDTH = 200, 32


def trunk(n_features: int) -> nn.Module:
    return table_trunk(n_features, [WIDTH, WIDTH], dropout=0.2)


def own_encoders(n_features: int, names: Sequence[str]) -> Sharing:
    encoders = {name: table_trunk(n_features, [WIDTH]) for name in names}
    return MultiInputSharing(encoders, trunk(WIDTH))


ARCHITECTURES: dict[str, Callable[[int, Sequence[str]], Sharing]] = {
    "by hospital": lambda n_features, _: HardSharing(trunk(n_features)),
    "own encoders": own_encoders,
}


def fitted(
    tasks: Sequence[Task], data: Batch, parts: Sequence[Tensor], seed: int, sharing: str
) -> SharedModel:
    """Train a network of these tasks; the best validated step is kept."""
    assert isinstance(data.inputs, Tensor)
    names = [task.name for task in tasks]
    with seeded(seed, "model"):
        architecture = ARCHITECTURES[sharing](data.inputs.shape[1], names)
        learner = SharedModel(tasks, architecture, {name: nn.Linear(WIDTH, 1) for name in names})
    validation = data.rows(parts[1])

    def validate(model: Learner) -> Validation:
        metrics = evaluate(model.adapt(tasks), validation)
        return Validation(score=sum(found["auroc"] for found in metrics.values()) / len(metrics), metrics={})

    source = JointSource(tasks, data.rows(parts[0]), batch_size=128, seed=seed)
    train(learner, source, n_steps=N_STEPS, validate=validate, validate_every=20, seed=seed)
    return learner


def run(seed: int) -> dict[str, dict[str, float]]:
    """Return the ROC-AUC of each way at each hospital."""
    hospitals = heart_sites()
    order = torch.randperm(len(hospitals), generator=generator(seed, "split"))
    parts = order.tensor_split([round(0.6 * len(order)), round(0.8 * len(order))])
    by_site, pooled = hospitals.by_site(), hospitals.pooled().only(["disease"])
    data, of_all = (each.standardized(parts[0])[0] for each in (by_site, pooled))
    test = data.rows(parts[2])
    learner = fitted(pooled.tasks, of_all, parts, seed, "by hospital")
    answers = learner.adapt(pooled.tasks)(test.inputs)["disease"]
    every = Predictor(tasks=by_site.tasks, function=lambda *_: dict.fromkeys(hospitals.site_names, answers))
    metrics = {"pooled": evaluate(every, test, batch_size=len(test))}
    for sharing in ARCHITECTURES:
        model = fitted(by_site.tasks, data, parts, seed, sharing)
        metrics[sharing] = evaluate(model.adapt(by_site.tasks), test)
    alone = [fitted([task], data, parts, seed, "by hospital").adapt([task]) for task in by_site.tasks]
    metrics["separate"] = {name: found for one in alone for name, found in evaluate(one, test).items()}
    return {way: {name: each["auroc"] for name, each in found.items()} for way, found in metrics.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    runs = [run(seed) for seed in asked.seed]
    figures: dict[str, dict[str, str]] = {}
    for way in runs[0]:
        figures[way] = {
            name: mean_interval([found[way][name] for found in runs], test_over_train=OVERLAP).format(3)
            for name in runs[0][way]
        }
        print(f"{way:14}", *(f"{name} {figure}" for name, figure in figures[way].items()), flush=True)
    write_results(
        RESULTS,
        setting={"seeds": asked.seed, "steps": N_STEPS},
        figures=figures,
        seed=asked.seed,
        split="rows at random, by seed",
    )


if __name__ == "__main__":
    main()
