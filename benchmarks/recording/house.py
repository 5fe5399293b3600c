"""Everything that is recorded of polytask: where the library changes its names, this file alone follows.

The names on the left of its tables are those of the records, and stay.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

import polytask
from polytask import architectures as rooms_of_sharing
from polytask import balancing, core, data, encoders, execution, meta
from polytask.balancing import methods
from polytask.core import Batch, Episode, Learner, PolytaskError, SharedModel, Task
from polytask.core.learner import Execution, run_loop
from polytask.encoders.tabm import TabMHead, member_task
from polytask.execution.chunked import Chunked
from polytask.execution.forward import run_forward
from polytask.meta import ImageTask, initialization, learner_by_name, metric, model
from polytask.meta.adaptation import rules
from polytask.meta.catalogue import learner_entries
from polytask.meta.model.bar_distribution import bar_borders
from polytask.meta.optimization.evolution import EvolvedObjective
from polytask.selection import ChosenLearner
from polytask.train import train

Row = Mapping[str, float]
Optimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]

REFUSAL = PolytaskError

_SAME = ("auto", "loop", "streamed", "features", "last-layer")
ENGINES = {**{name: name for name in _SAME}, "layer-wise": "exact"}

# Of the catalogue, the families and the other learners that take a gradient themselves.
ADAPTING = ("initialization", "optimization", "fine-tuning", "cosine-fine-tuning")


# Steps


def batch(inputs: Tensor, targets: dict[str, Tensor], masks: dict[str, Tensor] | None = None) -> Batch:
    return Batch(inputs=inputs, targets=targets, masks=masks or {})


def episode(kinds: Mapping[str, tuple[str, int]], query: Batch, support: Batch | None = None) -> Episode:
    return Episode(tasks=tasks(kinds), query=query, support=support)


def tasks(kinds: Mapping[str, tuple[str, int]]) -> tuple[Task, ...]:
    return tuple(
        Task(name=name, kind=kind, n_outputs=width)  # pyright: ignore[reportArgumentType] - one of its kinds
        for name, (kind, width) in kinds.items()
    )


class Steps(data.Source):
    """Steps that were made beforehand, over and over."""

    def __init__(self, steps: Sequence[Sequence[Episode]]) -> None:
        self.steps = steps
        found = {task.name: task for step in steps for each in step for task in each.tasks}
        self.tasks = tuple(found.values())

    def step(self, index: int) -> tuple[Episode, ...]:
        return tuple(self.steps[index % len(self.steps)])


def trained(
    learner: Learner,
    steps: Sequence[Sequence[Episode]],
    *,
    optimizer: Optimizer,
    balancer: balancing.Balancer | None = None,
    engine: str = "auto",
    episodes: str | None = None,
    accumulate: int = 1,
    validation: Sequence[Sequence[Episode]] | None = None,
) -> Sequence[Row]:
    """Train in float64, and return the figures of every step: ``loss/NAME``, ``weight/NAME`` …."""
    run = "auto"
    if isinstance(learner, core.EpisodicLearner) and episodes is not None:
        run = episodes_run(episodes, learner)
    outcome = train(
        learner,
        Steps(steps),
        n_steps=len(steps),
        balancer=balancer,
        optimizer=optimizer,
        engine=ENGINES[engine],  # pyright: ignore[reportArgumentType] - one of its names
        execution=run,
        accumulate=accumulate,
        validation_source=None if validation is None else Steps(validation),
        validate_every=1,
        precision="64-true",
        seed=0,
    )
    return outcome.rows


def shared_and_private(learner: nn.Module) -> tuple[Sequence[Tensor], Mapping[str, Sequence[Tensor]]]:
    return core.shared_parameters(learner), core.private_parameters(learner)


# Balancers


def balancer_names() -> list[str]:
    """Return those of the catalogue, and what stands outside of it."""
    return [*balancing.balancer_names(), *_OTHER_BALANCERS]


def balancer(name: str, objectives: Sequence[str]) -> balancing.Balancer:
    if name in _OTHER_BALANCERS:
        return _OTHER_BALANCERS[name](objectives)
    return balancing.balancer_by_name(name, objectives)


def wants_validation(found: balancing.Balancer) -> bool:
    return found.needs == "validation"


_OTHER_BALANCERS: dict[str, Callable[[Sequence[str]], balancing.Balancer]] = {
    "fixed": lambda names: methods.FixedWeights({n: 0.5 + 0.5 * i for i, n in enumerate(names)}),
    "inverse-probability+upgrad": lambda names: balancing.InverseProbability(
        methods.UPGrad(), {n: 1 / (1 + i) for i, n in enumerate(names)}
    ),
    "smoothed+pcgrad": lambda names: balancing.Smoothed(methods.PCGrad(), names, alpha=0.5),
    "periodic+famo": lambda names: balancing.Periodic(methods.FAMO(names), names, every=3),
}


# Architectures


def shared_model(kinds: Mapping[str, tuple[str, int]], name: str, n_features: int, width: int) -> SharedModel:
    """Build a model of a table with the architecture of this name, and linear heads."""
    if name == "tabm":
        trunk = encoders.TabM(n_features, [width, width], n_members=4, dropout=0.1)
        heads = {task.name: TabMHead(task, width, n_members=4) for task in tasks(kinds)}
        members = [member_task(task) for task in tasks(kinds)]
        return SharedModel(members, rooms_of_sharing.HardSharing(trunk), heads)
    return _with_heads(kinds, architectures(list(kinds), n_features, width)[name](), width)


def trained_tasks(model: SharedModel, step: Sequence[Episode]) -> list[Episode]:
    """Return a step with the tasks as the model has them: an ensemble has losses of its members."""
    known = {task.name: task for task in model.tasks}
    return [replace(each, tasks=tuple(known[task.name] for task in each.tasks)) for each in step]


def hard_sharing(kinds: Mapping[str, tuple[str, int]], trunk: nn.Module, width: int) -> SharedModel:
    """Build a model of a trunk that all tasks share, and linear heads."""
    return _with_heads(kinds, rooms_of_sharing.HardSharing(trunk), width)


def _with_heads(kinds: Mapping[str, tuple[str, int]], found: core.Sharing, width: int) -> SharedModel:
    return SharedModel(tasks(kinds), found, {n: nn.Linear(width, w) for n, (_, w) in kinds.items()})


def architecture_names() -> list[str]:
    return ["tabm", *architectures(list("abcd"), 1, 2)]


def architectures(names: list[str], n_features: int, width: int) -> dict[str, Callable[[], core.Sharing]]:
    def trunk(n_in: int = n_features, n_out: int = width) -> nn.Module:
        return rooms_of_sharing.table_trunk(n_in, [n_out])

    layers = [trunk, lambda: trunk(width)]
    wide = [width, width]
    tree = [[names], [names[:2], names[2:3], names[3:]]]
    return {
        "hard": lambda: rooms_of_sharing.HardSharing(rooms_of_sharing.table_trunk(n_features, wide)),
        "hard-dropout": lambda: rooms_of_sharing.HardSharing(
            rooms_of_sharing.table_trunk(n_features, wide, dropout=0.2)
        ),
        "soft": lambda: rooms_of_sharing.SoftSharing(names, trunk),
        "branching-tree": lambda: rooms_of_sharing.BranchingTree(names, layers, groups=tree),
        "learned-branching": lambda: rooms_of_sharing.LearnedBranching(names, layers, n_candidates=[2, 3]),
        "cross-stitch": lambda: rooms_of_sharing.CrossStitch(names, layers, channels=wide),
        "sluice": lambda: rooms_of_sharing.Sluice(
            names, [lambda: trunk(n_features, width // 2), lambda: trunk(width, width // 2)]
        ),
        "mmoe": lambda: rooms_of_sharing.MMoE(names, trunk, 3, gate=n_features),
        "mmoe-stem": lambda: rooms_of_sharing.MMoE(names, lambda: trunk(width), 3, gate=width, stem=trunk()),
        "cgc": lambda: rooms_of_sharing.CGC(names, trunk, gate=n_features, n_shared=2),
        "ple": lambda: rooms_of_sharing.PLE(
            names, [*layers, lambda: trunk(width)], gates=[n_features, *wide]
        ),
        "dselect-k": lambda: rooms_of_sharing.DSelectK(names, trunk, 3, n_selected=2),
        "dselect-k-by-example": lambda: rooms_of_sharing.DSelectK(
            names, trunk, 4, n_selected=2, gate=n_features
        ),
        "mtan": lambda: rooms_of_sharing.MTAN(names, [make() for make in layers], channels=wide),
        "low-rank": lambda: rooms_of_sharing.LowRankAdapters(names, trunk(), rank=2),
        "low-rank-tuned": lambda: rooms_of_sharing.LowRankAdapters(
            names, trunk(), rank=2, tune_backbone=True
        ),
        "multi-input": lambda: rooms_of_sharing.MultiInputSharing(
            {name: trunk() for name in names}, trunk(width)
        ),
        "multi-input-by-input": lambda: rooms_of_sharing.MultiInputSharing(
            {"x": trunk()}, trunk(width), inputs={name: ["x"] for name in names}
        ),
        "film": lambda: rooms_of_sharing.FiLMSharing(names, [make() for make in layers], channels=wide),
        "film-embedding": lambda: rooms_of_sharing.FiLMSharing(
            names, [make() for make in layers], channels=wide, embedding_width=3
        ),
        "sparse-low-rank": lambda: rooms_of_sharing.SparseLowRankSharing(names, trunk, rank=2),
        "trace-norm": lambda: rooms_of_sharing.TraceNormSharing(names, trunk),
    }


# Learners


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A learner to record: untrained, of images or of functions; adapting where it takes inner gradients."""

    build: Callable[[], core.EpisodicLearner]
    images: bool
    adapts: bool


N_WAY, SIZE, WIDTH = 3, 16, 4
_PIXELS = SIZE * SIZE


def learners() -> dict[str, Method]:
    """Return those of the catalogue, and the other ones."""
    catalogue = {name: _of_catalogue(name, entry.family) for name, entry in learner_entries().items()}
    functions = {
        name: Method(build=build, images=False, adapts=adapts)
        for adapts, some in ((True, _ADAPTING_TO_FUNCTIONS), (False, _FUNCTION_LEARNERS))
        for name, build in some.items()
    }
    images = {
        name: Method(build=build, images=True, adapts=name.startswith(("plastic", "maml")))
        for name, build in _IMAGE_LEARNERS.items()
    }
    return {**catalogue, **functions, **images}


def _of_catalogue(name: str, family: str) -> Method:
    task = ImageTask(n_way=N_WAY, size=SIZE, width=WIDTH)
    adapts = family in ADAPTING or name in ADAPTING
    return Method(build=lambda: learner_by_name(name, task), images=True, adapts=adapts)


def _net(n_out: int = 1, n_in: int = 1) -> nn.Module:
    return meta.mlp([n_in, 8, n_out], nn.Tanh)


def _by_gradients(n_steps: int = 2, **options: Any) -> core.EpisodicLearner:
    return meta.GradientLearner(_net(), n_steps=n_steps, **options)


_ADAPTING_TO_FUNCTIONS: dict[str, Callable[[], core.EpisodicLearner]] = {
    "maml-functions": lambda: initialization.MAML(_net(), inner_rate=0.05, n_steps=3),
    "maml-recomputed": lambda: initialization.MAML(_net(), inner_rate=0.05, n_steps=3, recompute=True),
    "maml-some-differentiated": lambda: _by_gradients(3, rule=rules.SGD(0.05), n_differentiated=1),
    "maml-momentum": lambda: _by_gradients(3, rule=rules.SGD(0.05, momentum=0.5)),
    "maml-inner-rows": lambda: _by_gradients(3, rule=rules.SGD(0.05), batch_size=2),
    "maml-inner-adam": lambda: _by_gradients(2, rule=rules.Adam(0.05)),
    "fomaml-functions": lambda: initialization.FOMAML(_net(), inner_rate=0.05, n_steps=3),
    "reptile-functions": lambda: initialization.Reptile(_net(), rule=rules.SGD(0.05), n_steps=3),
    "imaml-functions": lambda: initialization.IMAML(_net(), strength=0.5, rule=rules.SGD(0.05), n_steps=4),
    "cavia": lambda: initialization.CAVIA(_net(n_in=3), n_context=2, n_steps=2),
    "evolved": lambda: _by_gradients(
        2, rule=rules.SGD(0.05), objective=EvolvedObjective(sigma=0.1, n_pairs=2)
    ),
}

_FUNCTION_LEARNERS: dict[str, Callable[[], core.EpisodicLearner]] = {
    "cnp": lambda: model.CNP(1, width=8),
    "canp": lambda: model.CANP(1, width=8, n_heads=2),
    "np": lambda: model.NP(1, width=8, n_latent=4),
    "anp": lambda: model.NP(1, width=8, n_latent=4, n_heads=2, attentive=True),
    "conv-cnp": lambda: model.ConvCNP(),
    "tnp-d": lambda: model.TNPD(1, width=8, n_heads=2, n_layers=2, feedforward=8),
    "prior-fitted": lambda: model.PriorFitted(
        nn.Linear(1, 8), width=8, n_layers=2, n_heads=2,
        borders=bar_borders(torch.linspace(-3, 3, 500), 10),
    ),
    "ridge-regression": lambda: metric.RidgeRegression(_net(4)),
    "gaussian-process": lambda: metric.GaussianProcessHead(_net(4), n_inputs=1),
}  # fmt: skip


def _features() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(_PIXELS, 8))


_IMAGE_LEARNERS: dict[str, Callable[[], core.EpisodicLearner]] = {
    "nearest-mean": lambda: metric.NearestMean(),
    "tuned-logistic": lambda: metric.TunedLogistic(_PIXELS),
    "prototypes-cosine": lambda: metric.Prototypes(_features(), distance="cosine"),
    "maml-batch-statistics": lambda: initialization.MAML(
        meta.conv4_classifier(N_WAY, width=WIDTH), inner_rate=0.1, normalization="batch"
    ),
    "maml++-per-step": lambda: initialization.MAMLPlusPlus(
        meta.conv4_classifier(N_WAY, width=WIDTH), inner_rate=0.1, n_steps=2, n_multi_step=10
    ),
    "chosen-learner": lambda: ChosenLearner(
        {"means": metric.Prototypes(_features()), "line": metric.R2D2(_features())}
    ),
    "class-cnp": lambda: model.ClassCNP(
        nn.Linear(SIZE, 6), n_features=6 * SIZE, n_classes=N_WAY, width=8
    ),
    "snail": lambda: model.SNAIL(
        nn.Flatten(), _PIXELS, n_classes=N_WAY, length=7, channels=4, attention=((8, 4), (8, 4))
    ),
    "mann": lambda: model.MANN(
        nn.Flatten(), _PIXELS, n_classes=N_WAY, n_hidden=8, n_slots=8, slot_width=4, n_heads=1
    ),
    "prior-fitted-classes": lambda: model.PriorFitted(
        _features(), width=8, n_classes=N_WAY, n_layers=2, n_heads=2
    ),
    "plastic-oja": lambda: model.PlasticNetwork([_PIXELS, N_WAY], rule="oja", modulation="retroactive"),
    "plastic-hebb": lambda: model.PlasticNetwork([_PIXELS, 6, N_WAY]),
}  # fmt: skip

EXECUTIONS = ("loop", "each", "vmap", "forward", "chunked", "fitted", "threads", "compiled", "auto")


def episodes_run(name: str, learner: core.EpisodicLearner) -> Execution:
    """Return how a learner runs the episodes of a step."""
    runs: dict[str, Execution] = {
        "loop": run_loop,
        "each": Chunked(1),
        "vmap": execution.run_vmap,
        "forward": run_forward,
        "chunked": Chunked(2),
        "fitted": Chunked(memory_budget=1),  # so little that one episode is run at a time
    }
    return runs[name] if name in runs else execution.named_execution(name, learner)  # pyright: ignore[reportArgumentType]


def adapted(learner: Learner, task: Episode) -> dict[str, Tensor]:
    """Learn a task from its support, and answer its query."""
    return learner.eval().adapt(task.tasks, task.support)(task.query.inputs)


def fitted(
    table: pd.DataFrame, targets: Sequence[str], *, seeds: int, **settings: Any
) -> tuple[Any, pd.DataFrame]:
    """Return the results of a fit, as plain JSON, and its predictions for the same table."""
    model = polytask.fit(table, targets, repeats=seeds, **settings)
    assert model.results is not None
    results = model.results.to_json()
    del results["seconds"]
    return results, model.predict(table)


def learned(
    images: Tensor, labels: Tensor, support: Tensor, queries: Tensor, **settings: Any
) -> tuple[Any, pd.DataFrame]:
    """Learn to tell classes apart, adapt to others, and answer; return results as JSON, and predictions."""

    def examples(pixels: Tensor, classes: Tensor) -> data.LabelledExamples:
        names = tuple(f"class {index:02d}" for index in range(int(classes.max()) + 1))
        return data.LabelledExamples(inputs=pixels, labels=classes, class_names=names, class_groups=names)

    model = polytask.learn(examples(images, labels), **settings)
    assert model.results is not None
    results = model.results.to_json()
    del results["seconds"]
    shown = model.adapt(examples(support, torch.arange(len(support)) % N_WAY))
    return results, shown.predict(queries)
