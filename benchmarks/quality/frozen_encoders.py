"""What the vectors of frozen encoders are worth for a few labelled examples, with weights and without.

    POLYTASK_DATA=folder python benchmarks/quality/frozen_encoders.py requests letters digits speakers

The classifier is the plainest there is, so that the vectors are judged: the mean of each class's support
vectors, less the mean of them all, by cosine. Requests: test part of CLINC150, 20 of 150 intents, 5 examples
each; hashed words are weighed by the training part, without its labels. Letters: Omniglot, 20 of 60
characters of the test part, 1 drawing each. Digits and speakers: 500 recordings of the Free Spoken Digit
Dataset, all 10 digits or 6 speakers, 5 recordings each. Every seed has 100 episodes; intervals are over all
episodes.
Needs the pretrained models in the cache. Writes ``results/frozen-encoders.json``; a few minutes on a core.

References: Larson et al. An Evaluation Dataset for Intent Classification and Out-of-Scope Prediction. EMNLP
2019, arXiv:1909.02027. Lake et al. Human-level concept learning through probabilistic program induction.
Science 350, 2015. Jackson et al. Free Spoken Digit Dataset, 2018.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from results import write_results  # beside this file
from torch import Tensor
from torch.nn import functional

from polytask.core import generator, mean_interval
from polytask.datasets import clinc, omniglot, spoken_digits
from polytask.encoders import frozen_encoder

RESULTS = Path(__file__).parent / "results" / "frozen-encoders.json"
N_EPISODES, N_LETTERS, N_RECORDINGS, N_QUERIES = 100, 60, 500, 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """What is encoded, and its classes ``[item]``; how many classes and examples an episode has."""

    items: Sequence[Any]
    labels: Tensor
    encoders: tuple[str, str]
    n_way: int
    n_shot: int
    corpus: Sequence[Any] | None = None


def requests() -> Items:
    data = clinc()
    test = [index for index, part in enumerate(data.parts) if part == "test" and data.intents[index] >= 0]
    return Items(
        items=[data.queries[index] for index in test],
        labels=data.intents[test],
        encoders=("minilm", "hashed-text"),
        n_way=20,
        n_shot=5,
        corpus=[query for query, part in zip(data.queries, data.parts, strict=True) if part == "train"],
    )


def letters() -> Items:
    data = omniglot("test", size=105, rotations=False)
    few = data.labels < N_LETTERS
    drawings = data.inputs[few].float()
    return Items(
        items=list(drawings / drawings.max()),
        labels=data.labels[few],
        encoders=("efficientnet-lite0", "colour-gradients"),
        n_way=20,
        n_shot=1,
    )


def recordings(kind: str) -> Items:
    data = spoken_digits()
    some = torch.randperm(len(data.waves), generator=generator(0, "recordings"))[:N_RECORDINGS].tolist()
    labels = data.digits if kind == "digits" else data.speakers
    return Items(
        items=[(data.waves[index], 8000) for index in some],
        labels=labels[some],
        encoders=("speech", "log-mel-statistics"),
        n_way=10 if kind == "digits" else 6,
        n_shot=5,
    )


SETS: dict[str, Callable[[], Items]] = {
    "requests": requests,
    "letters": letters,
    "digits": lambda: recordings("digits"),
    "speakers": lambda: recordings("speakers"),
}


def accuracy(vectors: Tensor, items: Items, seed: int, episode: int) -> float:
    """Return the share of right answers in an episode, by the nearest class mean."""
    draw = generator(seed, "episode", episode)
    classes = items.labels.unique()
    chosen = classes[torch.randperm(len(classes), generator=draw)[: items.n_way]]
    means, queries, answers = [], [], []
    for number, label in enumerate(chosen):
        members = (items.labels == label).nonzero().squeeze(1)
        members = members[torch.randperm(len(members), generator=draw)]
        asked = members[items.n_shot : items.n_shot + N_QUERIES]
        means.append(vectors[members[: items.n_shot]].mean(0))
        queries.append(vectors[asked])
        answers += [number] * len(asked)
    centre = torch.stack(means).mean(0)
    ways = functional.normalize(torch.stack(means) - centre, dim=1)  # [way, width]
    found = (functional.normalize(torch.cat(queries) - centre, dim=1) @ ways.T).argmax(1)
    return (found == torch.tensor(answers)).double().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="+", choices=list(SETS))
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in asked.sets:
        items = SETS[name]()
        rows = {}
        for encoder_name in items.encoders:
            encoder = frozen_encoder(encoder_name, corpus=items.corpus)
            start = time.process_time()
            vectors = encoder.encode(items.items)
            seconds = (time.process_time() - start) / len(items.items)
            scores = [accuracy(vectors, items, seed, i) for seed in asked.seed for i in range(N_EPISODES)]
            milliseconds = round(1000 * seconds, 1)
            rows[encoder_name] = {"accuracy": mean_interval(scores).format(3), "ms an item": milliseconds}
            print(f"{name}, {encoder_name}: {rows[encoder_name]}", flush=True)
        figures = json.loads(RESULTS.read_text())["figures"] if RESULTS.is_file() else {}
        figures[name] = rows
        setting = {"seeds": asked.seed, "episodes a seed": N_EPISODES, "queries a class": N_QUERIES}
        write_results(
            RESULTS,
            setting=setting,
            figures=figures,
            seed=asked.seed,
            split="none: frozen encoders, episodes from all items",
        )


if __name__ == "__main__":
    main()
