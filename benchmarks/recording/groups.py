"""What is recorded: groups of units, each of which is worked on in one go and gives several records."""

import contextlib
import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import torch
from benchmarks.recording import house, problems
from benchmarks.recording.house import Episode, Row
from benchmarks.recording.reduction import Part, seed_of, series, table, tensors
from torch import Tensor, nn

__all__ = ["GROUPS", "Group", "Record"]

Record = dict[str, Part]
"""The parts of a record by name; or ``refused``, an error's class, beside its ``message``."""

Steps = list[list[Episode]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A kind of records.

    Args:
        units: Their first names.
        record: Makes the records of a unit, by the rest of their names.
    """

    units: Callable[[], list[str]]
    record: Callable[[str], dict[str, Record]]


def _tried(make: Callable[[], Record], *seed: str) -> Record:
    """Make a record from a seed of its own; where that is refused, record the refusal."""
    torch.manual_seed(seed_of(*seed))
    np.random.seed(seed_of(*seed))
    random.seed(seed_of(*seed))
    try:
        return make()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the library does
        name = type(error).__name__
        return {
            "refused": name if isinstance(error, house.REFUSAL) else f"fault: {name}",
            "message": str(error),
        }


def _slowly(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.02, momentum=0.9)


def _quickly(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=1e-2)


def _of_run(learner: nn.Module, rows: Sequence[Row]) -> Record:
    """Return what is left of a run: its objectives step by step, parameters and buffers."""
    shared, private = house.shared_and_private(learner)
    own = [(name, tensor) for name, found in private.items() for tensor in found]
    return {
        "objectives": series(rows, "loss"),
        "shared": tensors(("", tensor) for tensor in shared),
        "private": tensors(own),
        "buffers": tensors(learner.named_buffers()),
    }


# Balancers


def _balanced(
    build: Callable[[], Any], name: str, engine: str, accumulate: int, make_steps: Callable[[int], Steps]
) -> Record:
    learner, steps = build(), make_steps(0)
    balancer = house.balancer(name, _objective_names(learner, steps))
    rows = house.trained(
        learner,
        steps,
        balancer=balancer,
        engine=engine,
        episodes="vmap",
        accumulate=accumulate,
        validation=make_steps(1) if house.wants_validation(balancer) else None,
        optimizer=_slowly,
    )
    state = [*balancer.named_parameters(), *balancer.named_buffers()]
    kinds = {"weights": "weight", "norms": "norm", "cosines": "cosine"}
    figures = {part: series(rows, kind) for part, kind in kinds.items()}
    return {**_of_run(learner, rows), **figures, "state": tensors(state)}


def _objective_names(learner: Any, steps: Steps) -> list[str]:
    with torch.no_grad():
        learner.double()
        names = list(learner.objectives([each.to("cpu", torch.float64) for each in steps[0]]).names)
    learner.float()
    return names


def _by_engine(
    build: Callable[[], Any], make_steps: Callable[[int], Steps], n_parts: int, name: str
) -> dict[str, Record]:
    return {
        f"{engine}/{way}": _tried(
            partial(_balanced, build, name, engine, accumulate, make_steps), "balancing"
        )
        for engine in house.ENGINES
        for way, accumulate in (("whole", 1), ("parts", n_parts))
    }


_balancers_of_tables = partial(
    _by_engine,
    lambda: house.shared_model(problems.TABLE, "hard", problems.N_FEATURES, 6),
    problems.table_steps,
    3,
)
_balancers_with_dropout = partial(
    _by_engine,
    lambda: house.shared_model(problems.TABLE, "hard-dropout", problems.N_FEATURES, 6),
    problems.table_steps,
    3,
)


def _convolutional() -> Any:
    """Build a model whose convolutions are pooled."""
    trunk = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 6), nn.Tanh(),
    )  # fmt: skip
    return house.hard_sharing(problems.PICTURE, trunk, 6)


_balancers_of_pictures = partial(_by_engine, _convolutional, problems.picture_steps, 2)


def _episodic() -> Any:
    return house.learners()["maml-functions"].build()


_balancers_of_episodes = partial(_by_engine, _episodic, problems.wave_steps, 2)


# Architectures


def _shared(name: str, balancer: str) -> Record:
    learner = house.shared_model(problems.TABLE, name, problems.N_FEATURES, 6)
    steps = [house.trained_tasks(learner, step) for step in problems.table_steps()]
    method = house.balancer(balancer, list(problems.TABLE))
    rows = house.trained(learner, steps, balancer=method, optimizer=_quickly)
    outputs = house.adapted(learner, steps[0][0].to("cpu", torch.float64))
    return {**_of_run(learner, rows), "outputs": _answers(outputs)}


def _architecture(name: str) -> dict[str, Record]:
    return {way: _tried(partial(_shared, name, way), "architectures", name) for way in ("equal", "upgrad")}


def _answers(outputs: dict[str, Tensor]) -> Part:
    return {name: [float(value) for value in tensor.reshape(-1)] for name, tensor in outputs.items()}


# Learners

FEWER_STEPS: dict[str, int] = {
    **dict.fromkeys(("imaml", "svm", "logistic", "gaussian-process"), 5),
    **dict.fromkeys(("fine-tuning", "cosine-fine-tuning", "tim", "proto-maml"), 3),
    **dict.fromkeys(("maml", "fomaml", "maml++", "anil", "boil", "reptile"), 10),
    **dict.fromkeys(("meta-sgd", "meta-curvature", "alfa", "warp-grad", "mlp-optimizer"), 8),
    "pt-map": 2,
    **dict.fromkeys(("lstm-optimizer", "meta-lstm", "cnaps"), 5),
}
"""Steps of learners that take long over one; the others make `problems.N_STEPS`."""

_GROUPED = "@group-norm"

COMPILED = ("maml-functions", "ridge-regression")
"""Learners that are also compiled: each takes many seconds."""


def _episodes(name: str, execution: str) -> Record:
    method = house.learners()[name.removesuffix(_GROUPED)]
    make_steps = problems.pattern_steps if method.images else problems.wave_steps
    learner = method.build()
    if name.endswith(_GROUPED):
        _group_normalized(learner)
    steps = make_steps(0, n_steps=FEWER_STEPS.get(name.removesuffix(_GROUPED), problems.N_STEPS))
    rows: Sequence[Row] = []
    if any(parameter.requires_grad for parameter in learner.parameters()):
        with _even_clock():
            rows = house.trained(learner, steps, episodes=execution, optimizer=_slowly)
    torch.manual_seed(seed_of("adaptation"))
    new = make_steps(1, n_steps=1)[0][-1].to("cpu", torch.float64)
    return {**_of_run(learner, rows), "predictions": _answers(house.adapted(learner.double(), new))}


def _learner(name: str) -> dict[str, Record]:
    adapts = house.learners()[name.removesuffix(_GROUPED)].adapts
    left_out = {"forward"} if adapts else set()
    return {
        execution: _tried(partial(_episodes, name, execution), "learners", name)
        for execution in house.EXECUTIONS
        if execution not in left_out and (execution != "compiled" or name in COMPILED)
    }


def _learner_names() -> list[str]:
    """Return all learners, and with group normalization those that are refused where episodes run at once."""
    with_statistics = [
        name
        for name, method in house.learners().items()
        if not method.adapts and any(isinstance(part, nn.BatchNorm2d) for part in method.build().modules())
    ]
    return [*house.learners(), *(name + _GROUPED for name in with_statistics)]


def _group_normalized(learner: nn.Module) -> None:
    for module in list(learner.modules()):
        for name, part in list(module.named_children()):
            if isinstance(part, nn.BatchNorm2d):
                setattr(module, name, nn.GroupNorm(1, part.num_features))


@contextlib.contextmanager
def _even_clock() -> Iterator[None]:
    """Let everything that is timed take equally long, so that a choice by time is always the same."""
    ticks = itertools.count()
    with mock.patch.object(time, "perf_counter", lambda: float(next(ticks))):
        yield


# Models of tables and images

TABLE_SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "mmoe-uncertainty": {
        "architecture": "mmoe",
        "balancing": "uncertainty",
        "precision": "64-true",
        "seed": 3,
    },
    "soft-upgrad": {"architecture": "soft", "balancing": "upgrad", "precision": "64-true", "width": 16},
}
IMAGE_SETTINGS: dict[str, dict[str, Any]] = {
    "prototypes": {"learner": "prototypes"},
    "maml": {"learner": "maml", "inner_steps": 2},
    "simple-shot": {"learner": "simple-shot"},
}


def _fit(name: str) -> Record:
    settings = {"seeds": 2, "epochs": 8, **TABLE_SETTINGS[name]}
    results, predictions = house.fitted(problems.frame(), ["total", "sign", "band:multiclass"], **settings)
    return {"results": results, "predictions": table(predictions)}


def _learn(name: str) -> Record:
    images, labels = problems.drawn_classes(30, 6, seed=0)
    support, _ = problems.drawn_classes(house.N_WAY, 2, seed=1)
    queries, _ = problems.drawn_classes(house.N_WAY, 3, seed=1)
    few = {"way": house.N_WAY, "shot": 2, "steps": 3, "width": 4, "n_episodes": 10, "episodes": 2}
    settings = {**few, "train_way": 3, **IMAGE_SETTINGS[name]}
    results, predictions = house.learned(images, labels, support, queries, **settings)
    return {"results": results, "predictions": table(predictions)}


GROUPS: dict[str, Group] = {
    "balancing": Group(units=house.balancer_names, record=_balancers_of_tables),
    "balancing-dropout": Group(
        units=lambda: ["upgrad", "famo", "modo", "auto-lambda"], record=_balancers_with_dropout
    ),
    "balancing-pictures": Group(units=lambda: ["equal", "upgrad", "gradnorm"], record=_balancers_of_pictures),
    "balancing-episodes": Group(
        units=lambda: ["equal", "uncertainty", "mgda", "moco"], record=_balancers_of_episodes
    ),
    "architectures": Group(units=house.architecture_names, record=_architecture),
    "learners": Group(units=_learner_names, record=_learner),
    "tables": Group(
        units=lambda: list(TABLE_SETTINGS), record=lambda name: {"fit": _tried(partial(_fit, name), name)}
    ),
    "images": Group(
        units=lambda: list(IMAGE_SETTINGS), record=lambda name: {"learn": _tried(partial(_learn, name), name)}
    ),
}
