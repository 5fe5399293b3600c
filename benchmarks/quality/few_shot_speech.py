"""Few-shot learning of an unseen speaker's digits: six speakers, each in turn the new one.

    POLYTASK_DATA=folder python benchmarks/quality/few_shot_speech.py --seed 0 1 2

A test speaker is never heard in training, and another one only validates: it chooses the step and the rate of
fine-tuning. Of the test speaker K recordings of every digit are labelled (K = 1 or 5) and 20 others of every
digit are asked, in 20 draws. Training episodes are of one speaker each, so that support and query are, and
digits keep their numbers. One small network for all: log-mel bands, three convolutions over time.
The rates of fine-tuning end at 0.01: above it, adaptation to a validation speaker of seed 0 diverged.
Writes ``results/few-shot-speech.json``, run by run; a few minutes a seed and speaker on a core.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from overlaps import overlap  # beside this file
from results import write_results  # beside this file
from torch import Tensor, nn
from torch.optim import Adam

from polytask.architectures import HardSharing
from polytask.core import (
    Batch,
    Episode,
    EpisodicLearner,
    Learner,
    SharedModel,
    Task,
    derive_seed,
    mean_interval,
    seeded,
)
from polytask.core.random import numpy_generator
from polytask.data import JointSource, Source
from polytask.datasets import spoken_digits
from polytask.encoders import LogMel, SoundEncoder
from polytask.evaluate import evaluate_episodes
from polytask.meta import GradientLearner
from polytask.meta.adaptation.rules.sgd import SGD
from polytask.meta.initialization import ANIL
from polytask.meta.metric import Prototypes
from polytask.meta.metric.r2d2 import R2D2
from polytask.train import Validation, train

RESULTS = Path(__file__).parent / "results" / "few-shot-speech.json"
SHOTS = (1, 5)
N_DRAWS = 20
WIDTH = 64
RATE = 2e-3
FINE_TUNING = (0.0003, 0.001, 0.003, 0.01)
DIGIT = Task(name="digit", kind="multiclass", n_outputs=10)


class SpeakerEpisodes(Source):
    """Episodes of one speaker each: K recordings of every digit to learn from, and others to answer.

    Args:
        inputs: By speaker, ``[digit, recording, band, frame]``.
        shots: Fewest and most support recordings of a digit.
        n_query: Query recordings of a digit.
        n_episodes: Episodes a step, speakers drawn anew for each.
        seed: Decides every step.
    """

    def __init__(
        self, inputs: Sequence[Tensor], *, shots: tuple[int, int], n_query: int, n_episodes: int, seed: int
    ) -> None:
        self.inputs, self.shots, self.n_query = inputs, shots, n_query
        self.n_episodes, self.seed, self.tasks = n_episodes, seed, (DIGIT,)

    def step(self, index: int) -> tuple[Episode, ...]:
        draw = numpy_generator(self.seed, "step", index)
        shot = int(draw.integers(self.shots[0], self.shots[1] + 1))  # of all episodes of a step
        episodes = []
        for _ in range(self.n_episodes):
            recordings = self.inputs[int(draw.integers(len(self.inputs)))]
            n_digits, n_takes = recordings.shape[:2]
            orders = draw.permuted([range(n_takes)] * n_digits, axis=1)  # [digit, recording]
            drawn = recordings[torch.arange(n_digits)[:, None], torch.from_numpy(orders)]
            support, query = drawn[:, :shot], drawn[:, shot : shot + self.n_query]
            episodes.append(Episode(tasks=self.tasks, support=as_batch(support), query=as_batch(query)))
        return tuple(episodes)


def as_batch(recordings: Tensor) -> Batch:
    """Join recordings ``[digit, recording, band, frame]``."""
    digits = torch.arange(len(recordings)).repeat_interleave(recordings.shape[1])
    return Batch(inputs=recordings.flatten(0, 1), targets={"digit": digits})


@dataclass(frozen=True, slots=True)
class Setup:
    """Recordings by speaker, ``[digit, recording, band, frame]``."""

    training: list[Tensor]
    validation: Tensor
    test: Tensor
    seed: int
    n_steps: int


class Unadapted(EpisodicLearner):
    """A network that answers as it is, whatever the support says."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def learn(self, tasks: Sequence[Task], support: Batch) -> dict[str, dict[str, Tensor]]:
        return {}

    def predict(self, state: Any, tasks: Sequence[Task], inputs: Any) -> dict[str, Tensor]:
        return {task.name: self.model(inputs) for task in tasks}


def encoder() -> SoundEncoder:
    return SoundEncoder(40, WIDTH, channels=(48, 48, 48), dropout=0.1, normalization="group")


def network() -> nn.Sequential:
    return nn.Sequential(encoder(), nn.Linear(WIDTH, DIGIT.n_outputs))


def of_speaker(recordings: Tensor, shot: int, seed: int) -> SpeakerEpisodes:
    return SpeakerEpisodes([recordings], shots=(shot, shot), n_query=20, n_episodes=1, seed=seed)


def accuracy(learner: EpisodicLearner, recordings: Tensor, shot: int, n_draws: int, seed: int) -> float:
    source = of_speaker(recordings, shot, seed)
    return evaluate_episodes(learner, source, n_episodes=n_draws).interval.mean


def fit(learner: Learner, source: Source, setup: Setup, judged: EpisodicLearner) -> None:
    """Train a learner, and keep the step at which what is judged serves the validation speaker best."""

    def validate(_: Learner) -> Validation:
        found = sum(accuracy(judged, setup.validation, shot, 4, seed=1) for shot in SHOTS) / len(SHOTS)
        return Validation(score=found, metrics={"accuracy": found})

    done = train(
        learner,
        source,
        n_steps=setup.n_steps,
        execution="loop",
        optimizer=lambda parameters: Adam(parameters, lr=RATE),
        schedule=lambda step: max(1 - step / setup.n_steps, 0.02),
        max_norm=5.0,
        validate=validate,
        validate_every=max(1, setup.n_steps // 5),
        seed=derive_seed(setup.seed, "training"),
    )
    print(f"  validation speaker {done.best_score:.3f} at step {done.best_step}", flush=True)


def pooled(setup: Setup) -> dict[str, dict[int, EpisodicLearner]]:
    """One network for all training speakers: as it is, and adapted in two ways."""
    with seeded(setup.seed, "initialization"):
        model = network()
    rows = [as_batch(recordings) for recordings in setup.training]
    data = Batch(
        inputs=torch.cat([part.inputs for part in rows if isinstance(part.inputs, Tensor)]),
        targets={"digit": torch.cat([part.targets["digit"] for part in rows])},
    )
    source = JointSource([DIGIT], data, batch_size=100, seed=setup.seed)
    shared = SharedModel([DIGIT], HardSharing(model[0]), {"digit": model[1]})
    fit(shared, source, setup, Unadapted(model))
    options: list[EpisodicLearner] = [
        GradientLearner(model, rule=SGD(rate, momentum=0.9), n_steps=10) for rate in FINE_TUNING
    ]
    tuned: dict[int, EpisodicLearner] = {
        shot: max(options, key=lambda one: accuracy(one, setup.validation, shot, 5, seed=1)) for shot in SHOTS
    }
    return {
        "pooled network, no adaptation": dict.fromkeys(SHOTS, Unadapted(model)),
        "pooled network, fine-tuned": tuned,
        "pooled network, prototypes": dict.fromkeys(SHOTS, Prototypes(model[0], distance="cosine")),
    }


def speakers(setup: Setup) -> SpeakerEpisodes:
    return SpeakerEpisodes(setup.training, shots=(1, 5), n_query=4, n_episodes=2, seed=setup.seed)


def by_episodes(
    name: str, build: Callable[[], EpisodicLearner], setup: Setup
) -> dict[str, dict[int, EpisodicLearner]]:
    with seeded(setup.seed, "initialization"):
        learner = build()
    fit(learner, speakers(setup), setup, learner)
    return {name: dict.fromkeys(SHOTS, learner)}


METHODS: dict[str, Callable[[Setup], dict[str, dict[int, EpisodicLearner]]]] = {
    "log-mel": lambda _: {
        "log-mel, prototypes": dict.fromkeys(SHOTS, Prototypes(nn.Flatten(), distance="cosine"))
    },
    "pooled": pooled,
    "ProtoNet": partial(
        by_episodes, "ProtoNet", lambda: Prototypes(encoder(), distance="cosine", scale=10.0)
    ),
    "ANIL": partial(by_episodes, "ANIL", lambda: ANIL(network(), inner_rate=0.1, n_steps=3)),
    "R2D2": partial(by_episodes, "R2D2", lambda: R2D2(encoder())),
}


def by_speaker() -> tuple[tuple[str, ...], list[Tensor]]:
    """Return names, and log-mel bands by speaker, ``[digit, take, band, frame]``."""
    found = spoken_digits()
    examples = found.examples()
    assert isinstance(examples.data.inputs, Tensor)
    bands = LogMel(8000, 40, hop=0.016)(examples.data.inputs)  # [recording, band, frame]
    tables = []
    for speaker in range(len(found.speaker_names)):
        rows = (found.speakers == speaker).nonzero().squeeze(1)
        order = rows[(found.digits[rows] * 1000 + found.takes[rows]).argsort()]
        tables.append(bands[order].unflatten(0, (DIGIT.n_outputs, -1)))
    return found.speaker_names, tables


def over_runs(runs: dict[str, dict[str, float]]) -> dict[str, str]:
    """Return mean and interval over speakers, after averaging a speaker's seeds, in percent."""
    found = {}
    for kind in (f"{shot}-shot" for shot in SHOTS):
        of_speakers = [
            sum(run[kind] for run in by_seed.values()) / len(by_seed) for by_seed in grouped(runs).values()
        ]
        ratio = overlap(1, 4)  # of six speakers one is judged, four are trained on
        found[kind] = mean_interval(of_speakers, test_over_train=ratio).format(1, scale=100)
    return found


def grouped(runs: dict[str, Any]) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for key, run in runs.items():
        speaker, _, seed = key.partition(", seed ")
        groups.setdefault(speaker, {})[seed] = run
    return groups


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--method", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=250)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    names, tables = by_speaker()
    for seed in asked.seed:
        for test, name in enumerate(names):
            validation = (test + 1 + seed % (len(names) - 1)) % len(names)
            training = [table for i, table in enumerate(tables) if i not in (test, validation)]
            setup = Setup(training, tables[validation], tables[test], seed, asked.steps)
            for method in asked.method:
                begun = time.process_time()
                for title, learners in METHODS[method](setup).items():
                    done = {
                        f"{shot}-shot": round(accuracy(learners[shot], setup.test, shot, N_DRAWS, seed=2), 4)
                        for shot in SHOTS
                    }
                    seconds = time.process_time() - begun
                    print(title, "seed", seed, name, done, f"{seconds:.0f} s", flush=True)
                    add(title, f"{name}, seed {seed}", done, asked.steps)


def add(title: str, key: str, done: dict[str, float], n_steps: int) -> None:
    figures = json.loads(RESULTS.read_text())["figures"] if RESULTS.is_file() else {}
    runs = {**figures.get(title, {}).get("by speaker and seed", {}), key: done}
    figures[title] = {"over speakers": over_runs(runs), "by speaker and seed": runs}
    setting = {
        "test": "a speaker in turn; another validates; four train",
        "draws": f"{N_DRAWS} of K labelled and 20 asked recordings of every digit",
        "network": "40 log-mel bands, three 1-D convolutions with 48 channels, 64 features",
        "steps": n_steps,
        "intervals": "mean ± 95 % over speakers, each the mean of its seeds, in percent",
    }
    write_results(
        RESULTS,
        setting=setting,
        figures=figures,
        seed=sorted({int(name.rpartition(" ")[2]) for name in runs}),
        split="each speaker in turn new, another validates, four train",
    )


if __name__ == "__main__":
    main()
