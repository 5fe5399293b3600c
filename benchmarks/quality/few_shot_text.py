"""Few-shot learning of unseen intents: CLINC150, a frozen encoder, 1,000 test episodes a kind and seed.

    POLYTASK_DATA=folder python benchmarks/quality/few_shot_text.py --encoder minilm --split random domains

Every seed divides the 150 intents anew into 90 to train, 30 to validate and 30 to test: at random
(``random``), or by whole domains, 6, 2 and 2 of the ten (``domains``). The encoder never changes:
``minilm`` is all-MiniLM-L6-v2 of ``polytask models fetch``, whose vectors are made once for all seeds;
``tf-idf`` needs no such model: words, pairs of words and pieces of 2 to 5 letters, reduced to 256 numbers,
all fitted on the training intents.

Frozen methods classify by the encoder's features. Learned ones train a residual linear layer behind it, which
starts as the identity, on the training intents. Ridges, inner rates, the kind of episodes and the step are
chosen on validation intents of the same seed; test intents are judged once. The rate and the dropout that all
share were set beforehand on the validation intents of one other division; some are test intents here.
Adds to ``results/few-shot-text.json``, cell by cell.
"""

import argparse
import copy
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from overlaps import overlap  # beside this file
from results import write_results  # beside this file
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam

from polytask.architectures import HardSharing
from polytask.core import Batch, EpisodicLearner, Learner, SharedModel, Task, mean_interval, seeded
from polytask.core.episode_score import EpisodeScore
from polytask.core.random import numpy_generator
from polytask.data import ClassificationEpisodes, JointSource, LabelledExamples, Source, VariedEpisodes
from polytask.datasets.clinc150 import Clinc, clinc
from polytask.encoders import frozen_encoder
from polytask.evaluate import evaluate_episodes
from polytask.meta.adaptation.rules.sgd import SGD
from polytask.meta.initialization import ProtoMAML
from polytask.meta.metric import Prototypes
from polytask.meta.metric.baseline import BaselinePlusPlus
from polytask.meta.metric.cosine_head import CosineHead
from polytask.meta.metric.feat import FEAT
from polytask.meta.metric.feature_classifier import FeatureClassifier
from polytask.meta.metric.r2d2 import R2D2
from polytask.meta.metric.simple_shot import SimpleShot
from polytask.meta.metric.solved_head import SolvedHead
from polytask.train import Validation, train

RESULTS = Path(__file__).parent / "results" / "few-shot-text.json"
KINDS = ((5, 1), (5, 5), (30, 1), (30, 5))
"""Ways and shots that are judged; 15 queries of a class among five, 5 among thirty."""
SCALE = 10.0  # of the cosine, everywhere
RATE = 3e-4
FLOOR = "frozen prototypes"


@dataclass(frozen=True, slots=True)
class Parts:
    train: LabelledExamples
    validation: LabelledExamples
    test: LabelledExamples

    @property
    def n_features(self) -> int:
        return self.train.inputs.shape[1]


class Adapter(nn.Module):
    """A residual linear layer on unit features, the identity at first; its answers have a given length."""

    def __init__(self, n_features: int, *, length: float = 1.0) -> None:
        super().__init__()
        self.change = nn.Linear(n_features, n_features)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)
        self.dropout = nn.Dropout(0.2)
        self.length = length

    def forward(self, inputs: Tensor) -> Tensor:
        return self.length * functional.normalize(inputs + self.change(self.dropout(inputs)))


@dataclass(frozen=True, slots=True)
class Setup:
    parts: Parts
    seed: int
    n_steps: int


Candidates = Iterator[tuple[str, EpisodicLearner]]
"""Learners with the settings that tell them apart."""


def simple_shot(setup: Setup) -> Candidates:
    learner = SimpleShot(nn.Identity(), setup.parts.n_features)
    learner.fit_center([setup.parts.train.inputs])
    yield "", learner


def prototypes(n_features: int) -> EpisodicLearner:
    return Prototypes(Adapter(n_features), distance="cosine", scale=SCALE)


def ridge_head(n_features: int) -> EpisodicLearner:
    return R2D2(Adapter(n_features), ridge=3.0, scale=SCALE)


def feat(n_features: int) -> EpisodicLearner:
    # Adapted prototypes leave a normalization with length sqrt(n); this divisor gives the cosine its scale.
    temperature = 2 * math.sqrt(n_features) / SCALE
    learner = FEAT(Adapter(n_features), n_features, temperature=temperature, dropout=0.2)
    nn.init.zeros_(learner.adaptation.to_outputs.weight)  # no attention at first
    nn.init.zeros_(learner.adaptation.to_outputs.bias)
    return learner


def proto_maml(n_features: int, inner_rate: float) -> EpisodicLearner:
    # Features of this length make the first logits cosines with the common scale.
    encoder = Adapter(n_features, length=math.sqrt(SCALE / 2))
    return ProtoMAML(encoder, inner_rate=inner_rate, n_steps=2)


def by_episodes(
    build: Callable[[int], EpisodicLearner], setup: Setup, within: Sequence[bool] = (False, True)
) -> Candidates:
    """Train on episodes of 30 intents, and on episodes of one domain, the hardest to tell apart."""
    training = setup.parts.train
    largest = max(map(training.class_groups.count, training.class_groups))
    for one_domain in within:
        way = (5, largest) if one_domain else (30, 30)
        source = VariedEpisodes(
            training, n_way=way, n_shot=(1, 5), n_query=5, within_groups=one_domain, seed=setup.seed
        )
        with seeded(setup.seed, "initialization"):
            learner = build(setup.parts.n_features)
        yield "within domains" if one_domain else "30-way", trained(learner, learner, source, setup)


def by_inner_rates(setup: Setup) -> Candidates:
    for inner_rate in (0.01, 0.1):
        build = partial(proto_maml, inner_rate=inner_rate)
        for name, learner in by_episodes(build, setup, within=[False]):
            yield f"{name}, inner rate {inner_rate:g}", learner


def by_classes(setup: Setup) -> Candidates:
    """Train as a classifier of all training intents, with a cosine head that starts at their means."""
    training, n_features = setup.parts.train, setup.parts.n_features
    task = Task(name="intent", kind="multiclass", n_outputs=training.n_classes)
    rows = Batch(inputs=training.inputs, targets={"intent": training.labels})
    source = JointSource([task], rows, batch_size=128, seed=setup.seed)
    members = functional.one_hot(training.labels).float()  # [row, intent]
    with seeded(setup.seed, "initialization"):
        encoder = Adapter(n_features)
        head = CosineHead(n_features, training.n_classes, scale=2 * SCALE)
        model = SharedModel([task], HardSharing(encoder), {"intent": head})
    with torch.no_grad():
        head.weight.copy_(members.T @ training.inputs)
    learner = BaselinePlusPlus(encoder, n_steps=10, rule=SGD(0.05, momentum=0.9))
    yield "", trained(learner, model, source, setup)


METHODS: dict[str, Callable[[Setup], Candidates]] = {
    FLOOR: lambda _: iter([("", Prototypes(nn.Identity(), distance="cosine", scale=SCALE))]),
    "frozen SimpleShot": simple_shot,
    "frozen ridge": lambda _: ((f"ridge {r:g}", R2D2(nn.Identity(), ridge=r)) for r in (0.3, 1.0, 3.0, 10.0)),
    "ProtoNet": partial(by_episodes, prototypes),
    "R2D2": partial(by_episodes, ridge_head),
    "FEAT": partial(by_episodes, feat),
    "ProtoMAML": by_inner_rates,
    "Baseline++": by_classes,
}


def trained(learner: EpisodicLearner, model: Learner, source: Source, setup: Setup) -> EpisodicLearner:
    """Train a model that is the learner, or has its encoder, and keep the best step."""

    def validate(_: Learner) -> Validation:
        accuracy = mean_accuracy(judge(learner, setup.parts.validation, 50, seed=1))
        return Validation(score=accuracy, metrics={"accuracy": accuracy})

    done = train(
        model,
        source,
        n_steps=setup.n_steps,
        execution="loop",
        optimizer=lambda parameters: Adam(parameters, lr=RATE),
        validate=validate,
        validate_every=max(1, setup.n_steps // 4),
        seed=setup.seed,
    )
    print(f"  validation intents {done.best_score:.4f} at step {done.best_step}", flush=True)
    return learner


def judge(
    learner: EpisodicLearner, examples: LabelledExamples, n_episodes: int, seed: int
) -> dict[str, EpisodeScore]:
    learner, examples = encoded_once(learner, examples)
    return {
        f"{way}-way {shot}-shot": evaluate_episodes(
            learner,
            ClassificationEpisodes(
                examples, n_way=way, n_shot=shot, n_query=15 if way == 5 else 5, n_episodes=25, seed=seed
            ),
            n_episodes=n_episodes,
        )
        for way, shot in KINDS
    }


@torch.no_grad()
def encoded_once(
    learner: EpisodicLearner, examples: LabelledExamples
) -> tuple[EpisodicLearner, LabelledExamples]:
    """Put the encoder's features in place of the inputs, where an episode does not change the encoder."""
    if not isinstance(learner, Prototypes | SolvedHead | FeatureClassifier):
        return learner, examples
    head = copy.copy(learner)
    # Not `copy.deepcopy`: the modules are shared, only the table of them is new.
    head._modules = {**learner._modules, "encoder": nn.Identity()}
    training = learner.encoder.training
    features = learner.encoder.eval()(examples.inputs)
    learner.encoder.train(training)
    return head, replace(examples, inputs=features)


def mean_accuracy(scores: dict[str, EpisodeScore]) -> float:
    return sum(score.interval.mean for score in scores.values()) / len(scores)


def run(method: str, setup: Setup, floor: dict[str, EpisodeScore]) -> dict[str, Any]:
    """Choose among a method's settings by validation intents, and judge the best by test intents."""
    start = time.process_time()
    candidates = list(METHODS[method](setup))
    scores = [
        mean_accuracy(judge(learner, setup.parts.validation, 100, seed=1)) if len(candidates) > 1 else 0.0
        for _, learner in candidates
    ]
    chosen, learner = candidates[int(np.argmax(scores))]
    found: dict[str, Any] = {"chosen": chosen, "seconds": round(time.process_time() - start, 1)}
    for kind, score in judge(learner, setup.parts.test, 1000, seed=2).items():
        found[kind] = {
            "accuracy": round(score.interval.mean, 4),
            "half_width_95": round(score.interval.half_width, 4),
        }
        if method == FLOOR:
            floor[kind] = score
        else:  # the same episodes, so differences say more
            gain = mean_interval([a - b for a, b in zip(score.values, floor[kind].values, strict=True)])
            found[kind] |= {"gain": round(gain.mean, 4), "gain_half_width_95": round(gain.half_width, 4)}
    return found


def divided(found: Clinc, inputs: Tensor, split: str, seed: int) -> Parts:
    """Divide the intents, 90 : 30 : 30."""
    examples = found.by_intent(inputs)
    draw = numpy_generator(seed, "split", split)
    if split == "random":
        order = draw.permutation(examples.n_classes)
        return Parts(*(examples.of_classes(part.tolist()) for part in np.split(order, (90, 120))))
    domains = np.array(sorted(set(examples.class_groups)))
    return Parts(*(examples.of_groups(part.tolist()) for part in np.split(draw.permutation(domains), (6, 8))))


def encoded(found: Clinc, encoder: str, split: str, seed: int) -> Parts:
    if encoder == "minilm":
        return divided(found, functional.normalize(sentence_vectors(tuple(found.queries))), split, seed)
    rows = torch.arange(len(found.queries))
    training = divided(found, rows, split, seed).train.inputs
    return divided(found, functional.normalize(text_statistics(found.queries, training)), split, seed)


@cache
def sentence_vectors(queries: tuple[str, ...]) -> Tensor:
    """Encode every query by all-MiniLM-L6-v2, ``[query, 384]``."""
    return frozen_encoder("minilm").encode(queries)


def text_statistics(queries: Sequence[str], training: Tensor) -> Tensor:
    """Weigh words and pieces of words, and reduce them, as fitted on training queries: ``[query, 256]``."""
    from scipy.sparse import hstack
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    known = [queries[row] for row in training.tolist()]
    columns = []
    for analyzer, lengths in (("word", (1, 2)), ("char_wb", (2, 5))):
        counter = TfidfVectorizer(analyzer=analyzer, ngram_range=lengths, min_df=2, sublinear_tf=True)
        columns.append((counter.fit_transform(known), counter.transform(queries)))
    reduce = TruncatedSVD(256, n_iter=3, random_state=0)
    reduce.fit(hstack([fitted for fitted, _ in columns]))
    return torch.from_numpy(reduce.transform(hstack([table for _, table in columns]))).float()


def over_seeds(runs: dict[str, Any]) -> dict[str, Any]:
    """Return means and intervals over seeds, in percent."""
    if len(runs) < 2:
        return {}
    found: dict[str, Any] = {}
    ratio = overlap(30, 90)  # intents judged, and trained on; of domains 2 and 6
    for kind in (f"{way}-way {shot}-shot" for way, shot in KINDS):
        of_kind = [run[kind] for run in runs.values()]
        accuracies = [one["accuracy"] for one in of_kind]
        found[kind] = mean_interval(accuracies, test_over_train=ratio).format(2, scale=100)
        if all("gain" in one for one in of_kind):
            gain = mean_interval([one["gain"] for one in of_kind], test_over_train=ratio)
            found[f"{kind}, gain over {FLOOR}"] = gain.format(2, scale=100)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--encoder", nargs="+", default=["minilm", "tf-idf"], choices=["minilm", "tf-idf"])
    parser.add_argument("--split", nargs="+", default=["random", "domains"], choices=["random", "domains"])
    parser.add_argument("--method", nargs="+", default=list(METHODS), choices=list(METHODS), metavar="METHOD")
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=300)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    found = clinc()
    for seed in asked.seed:
        for encoder in asked.encoder:
            for split in asked.split:
                parts = encoded(found, encoder, split, seed)
                floor: dict[str, EpisodeScore] = {}
                for method in dict.fromkeys([FLOOR, *asked.method]):
                    done = run(method, Setup(parts, seed, asked.steps), floor)
                    print(encoder, split, method, "seed", seed, done, flush=True)
                    add(encoder, split, method, seed, done, asked.steps)


def add(encoder: str, split: str, method: str, seed: int, done: dict[str, Any], n_steps: int) -> None:
    figures = json.loads(RESULTS.read_text())["figures"] if RESULTS.is_file() else {}
    cell = figures.setdefault(encoder, {}).setdefault(split, {})
    runs = {**cell.get(method, {}).get("by seed", {}), str(seed): done}
    cell[method] = {"over seeds": over_seeds(runs), "by seed": runs}
    setting = {
        "encoders": {
            "minilm": "all-MiniLM-L6-v2, 384 numbers, frozen",
            "tf-idf": "words, pairs and pieces of 2 to 5 letters, 256 numbers, fitted on training intents",
        },
        "splits": "90 training, 30 validation and 30 test intents, or 6, 2 and 2 domains; anew by every seed",
        "steps": n_steps,
        "common rate and dropout": f"{RATE} and 0.2, set on validation intents of one other division",
        "test episodes": "1000 of each kind and seed",
        "test queries": "15 a class in 5-way, 5 in 30-way episodes",
        "intervals": "over seeds mean ± 95 % in percent; by seed over episodes; gains are paired by episode",
    }
    write_results(
        RESULTS,
        setting=setting,
        figures=figures,
        seed=sorted(map(int, runs)),
        split="90, 30 and 30 intents, or 6, 2 and 2 domains, by seed",
    )


if __name__ == "__main__":
    main()
