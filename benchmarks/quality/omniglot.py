"""Few-shot learners on Omniglot: 28x28, Vinyals split, rotations as classes, 1,000 test episodes.

    POLYTASK_DATA=folder python benchmarks/quality/omniglot.py prototypes maml --seed 0 1 2

Every method trains on the training characters; validation characters choose the step and settings. Where
accuracy on them was still rising at the last step (prototypes, MAML), the method is trained anew for a fixed
number of steps with the validation characters too, as the authors of prototypical networks do. Test ones
are judged once at the end. "transductive" means that a query's answer depends on the other queries through
BatchNorm. Adds to ``results/omniglot.json``, cell by cell, as minutes and accuracy by seed; an hour or less a
cell and seed on two cores. ``--processes 2`` shares each step's episodes between two processes.
"varied prototypes" train a residual network on batches of turned, mirrored and bent characters, see
`varied_prototypes.py`, on one core, and answer by the mean of nine views of a drawing.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from results import write_results  # beside this file
from torch import distributed, nn
from torch.optim import Adam, Optimizer
from varied_prototypes import encoded, trained_encoder  # beside this file

from polytask.core import EpisodicLearner, Learner, derive_seed, mean_interval, seeded
from polytask.data import ClassificationEpisodes, LabelledExamples
from polytask.datasets import omniglot
from polytask.evaluate import evaluate_episodes
from polytask.meta import GradientLearner, conv4, conv4_classifier
from polytask.meta.adaptation.rules import SGD
from polytask.meta.initialization import ANIL, FOMAML, MAML, Reptile
from polytask.meta.metric import R2D2, Prototypes
from polytask.meta.model import ClassCNP
from polytask.train import Validation, faster_precision, train

RESULTS = Path(__file__).parent / "results" / "omniglot.json"
VARIED, VARIED_STEPS, VARIED_WIDTH = "varied prototypes", 3000, 16
VARIED_JUDGED = ((5, 1), (5, 5), (20, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A method with its training, and what it is judged on.

    Args:
        build: Makes the learner.
        way: Classes of a training episode.
        judged: Ways and shots of test episodes.
        n_query: Queries a class in training.
        n_episodes: Episodes a step.
        n_steps: Steps of training.
        optimizer: Of the learner's parameters.
        test_steps: Inner steps at evaluation, for learners by gradients.
        with_validation: Whether validation characters are trained on too; the last step then counts.
        schedule: Factor on the learning rate by the part of the training that is done; halved six times.
    """

    build: Callable[[], EpisodicLearner]
    way: int
    judged: Sequence[tuple[int, int]]
    n_steps: int
    n_query: int = 5
    n_shot: int = 1
    n_episodes: int = 1
    optimizer: Callable[[list[nn.Parameter]], Optimizer] = lambda parameters: Adam(parameters, lr=1e-3)
    test_steps: int | None = None
    with_validation: bool = False
    schedule: Callable[[float], float] = lambda done: 0.5 ** (6 * done)


def cosine(done: float) -> float:
    """Return the factor on the learning rate when this part of the training is done."""
    return 0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2


def encoder() -> nn.Module:
    return conv4().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - twice as fast on CPU


def by_gradients(build: Callable[..., GradientLearner], **options: Any) -> Callable[[], EpisodicLearner]:
    def made() -> EpisodicLearner:
        net = conv4_classifier(5, pooling="max")
        net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - a tenth faster on CPU
        return build(net, normalization="batch", **options)

    return made


def fast(parameters: list[nn.Parameter]) -> Optimizer:
    return Adam(parameters, lr=2e-3)


CELLS = {
    "r2d2": Cell(build=lambda: R2D2(encoder()), way=20, judged=[(5, 1), (20, 1)], n_steps=5000),
    "cnp": Cell(
        build=lambda: ClassCNP(encoder(), n_features=64, n_classes=5, shared_reader=True),
        way=5,
        judged=[(5, 1)],
        n_episodes=8,
        n_steps=3000,
    ),
    "prototypes": Cell(
        build=lambda: Prototypes(encoder()),
        way=60,
        judged=[(5, 1), (5, 5), (20, 1)],
        n_steps=8000,
        with_validation=True,
    ),
    "maml": Cell(
        build=by_gradients(MAML, inner_rate=0.4, adapt_normalization=False),
        way=5,
        judged=[(5, 1)],
        n_query=3,
        n_episodes=8,
        n_steps=17_000,
        optimizer=fast,
        test_steps=3,
        with_validation=True,
        schedule=cosine,
    ),
    "fomaml": Cell(
        build=by_gradients(FOMAML, inner_rate=0.4, n_steps=1, adapt_normalization=False),
        way=5,
        judged=[(5, 1)],
        n_query=3,
        n_episodes=8,
        n_steps=6000,
        optimizer=fast,
        test_steps=3,
        schedule=cosine,
    ),
    "anil": Cell(
        build=by_gradients(ANIL, inner_rate=0.1, n_steps=5),
        way=5,
        judged=[(5, 1)],
        n_query=3,
        n_episodes=8,
        n_steps=6000,
        optimizer=fast,
        schedule=cosine,
    ),
    "reptile": Cell(
        build=by_gradients(Reptile, rule=SGD(0.1), n_steps=5, batch_size=10),
        way=5,
        judged=[(5, 1)],
        n_query=9,
        n_episodes=5,
        n_steps=6000,
        optimizer=fast,  # which the paper suggests; with SGD(1.0) it learns far slower
        test_steps=20,
        schedule=cosine,
    ),
}


def episodes(examples: LabelledExamples, way: int, shot: int, seed: int) -> ClassificationEpisodes:
    return ClassificationEpisodes(examples, n_way=way, n_shot=shot, n_query=15, seed=seed)


def evaluated(learner: EpisodicLearner, steps: int | None) -> EpisodicLearner:
    if steps is None or not isinstance(learner, GradientLearner):
        return learner
    return learner.with_steps(steps)


def run(
    cell: Cell, seed: int, parts: dict[str, LabelledExamples], n_steps: int, processes: int
) -> dict[str, Any]:
    source = ClassificationEpisodes(
        parts["trainval" if cell.with_validation else "train"],
        n_way=cell.way,
        n_shot=cell.n_shot,
        n_query=cell.n_query,
        n_episodes=cell.n_episodes,
        seed=derive_seed(seed, "training"),
    )
    held_out = episodes(parts["validation"], 5, 1, seed=1)
    with seeded(seed, "initialization"):
        learner = cell.build()
    precision = faster_precision(encoder(), torch.rand(cell.way * (cell.n_shot + cell.n_query), 1, 28, 28))

    def validate(_: Learner) -> Validation:
        accuracy = evaluate_episodes(evaluated(learner, cell.test_steps), held_out, n_episodes=200).interval
        print(
            f"  validation {accuracy.format(2, scale=100)} after {time.perf_counter() - start:.0f} s",
            flush=True,
        )
        return Validation(score=accuracy.mean, metrics={"accuracy": accuracy.mean})

    start, begun = time.perf_counter(), time.process_time()
    done = train(
        learner,
        source,
        n_steps=n_steps,
        execution="loop",
        optimizer=cell.optimizer,
        schedule=lambda step: cell.schedule(step / n_steps),
        validate=None if cell.with_validation else validate,
        validate_every=max(1, n_steps // 10),
        precision=precision,
        devices=processes,
        seed=derive_seed(seed, "training"),
    )
    found: dict[str, Any] = {
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "processor minutes of a process": round((time.process_time() - begun) / 60, 1),
        "best_step": n_steps if cell.with_validation else done.best_step,
        "threads": torch.get_num_threads() * processes,
        "precision": precision,
    }
    learner = evaluated(learner, cell.test_steps)
    return found | {
        f"{way}-way {shot}-shot": judged(learner, parts["test"], way, shot) for way, shot in cell.judged
    }


def run_varied(seed: int, parts: dict[str, LabelledExamples], n_steps: int) -> dict[str, Any]:
    """Train on the characters as they are drawn: the batches turn them themselves."""
    known = omniglot("trainval", rotations=False)
    trained = trained_encoder(known, seed=seed, n_steps=n_steps, width=VARIED_WIDTH)
    vectors = encoded(trained.encoder, parts["test"])
    learner = Prototypes(nn.Identity(), distance="cosine")
    times = {"minutes": round(trained.minutes, 1), "threads": torch.get_num_threads()}
    scores = {f"{way}-way {shot}-shot": judged(learner, vectors, way, shot) for way, shot in VARIED_JUDGED}
    return {**times, "best_step": trained.best_step, "precision": trained.precision, **scores}


def judged(learner: EpisodicLearner, examples: LabelledExamples, way: int, shot: int) -> dict[str, Any]:
    score = evaluate_episodes(learner, episodes(examples, way, shot, seed=2), n_episodes=1000)
    return {
        "accuracy": round(score.interval.mean, 4),
        "half_width_95": round(score.interval.half_width, 4),
        "transductive": score.transductive,
    }


def over_seeds(runs: dict[str, Any]) -> dict[str, str]:
    """Return mean and interval over seeds by kind of episode, where there are two seeds or more."""
    kinds = [kind for kind in next(iter(runs.values())) if "-way" in kind]
    if len(runs) < 2:
        return {}
    return {
        kind: mean_interval([found[kind]["accuracy"] for found in runs.values()]).format(2, scale=100)
        for kind in kinds
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cells", nargs="*", default=[*CELLS, VARIED], help=f"of {', '.join(CELLS)}, {VARIED}")
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, help="in place of each cell's own")
    parser.add_argument("--threads", type=int, default=2, help="of each process")
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    parts = {part: omniglot(part) for part in ("train", "validation", "trainval", "test")}
    for name in asked.cells:
        for seed in asked.seed:
            n_steps = asked.steps or (VARIED_STEPS if name == VARIED else CELLS[name].n_steps)
            if name == VARIED:
                found = run_varied(seed, parts, n_steps)
            else:
                found = run(CELLS[name], seed, parts, n_steps, asked.processes)
            if distributed.is_initialized() and distributed.get_rank():
                continue  # the first process writes
            print(name, "seed", seed, found, flush=True)
            figures = json.loads(RESULTS.read_text())["figures"] if RESULTS.is_file() else {}
            runs = {**figures.get(name, {}).get("by seed", {}), str(seed): found}
            figures[name] = {
                "steps": n_steps, "over seeds": over_seeds(runs), "by seed": runs,
            }  # fmt: skip
            setting = {
                "split": "Vinyals, rotations as classes",
                "test episodes": 1000,
                "test queries": "15 a class",
            }
            write_results(
                RESULTS,
                setting=setting,
                figures=figures,
                seed=sorted(map(int, runs)),
                split="Vinyals, rotations as classes",
            )


if __name__ == "__main__":
    main()
