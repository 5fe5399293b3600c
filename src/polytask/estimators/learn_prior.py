"""Train a prior-fitted network on draws of a prior of one's own."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from polytask.core import DataError, InputError, Task, derive_seed, generator
from polytask.core.errors import other_remedy
from polytask.core.interrupts import interruptible
from polytask.core.settings import SettingsCheck
from polytask.data import Source, TableEncoder
from polytask.data.tables.feature_column import NumberFeatures
from polytask.data.tables.target_column import TargetColumn
from polytask.fitting.in_context_training import bars_of, train_in_context
from polytask.fitting.own_class_episodes import OwnClassEpisodes
from polytask.meta.model import PriorEpisodes
from polytask.models.in_context_config import (
    IN_CONTEXT_LEARNERS,
    MOST_CLASSES,
    OF_NUMBERS,
    OF_ONE_INPUT,
    OF_OWN_CLASSES,
    InContextConfig,
    check_used,
)
from polytask.models.in_context_model import InContextModel
from polytask.models.in_context_reading import InContextReader
from polytask.models.known_rows import KnownRows
from polytask.models.own_classes import own_target
from polytask.models.task_names import TaskNames
from polytask.train.progress import phase, run_line

__all__ = ["Prior", "learn_prior"]

Prior = Callable[[torch.Generator], tuple[Tensor, Tensor]]
"""Draws one data set: inputs ``[point, input]`` and targets ``[point]``; whole numbers are classes."""

_FIRST = 500  # data sets from which scales and borders are taken
_N_BARS = 100
_WIDTH = 64  # where it is left open
_REMEDY = "Lower `learning_rate`, or draw from a prior of smaller numbers."


def learn_prior(
    prior: Prior,
    *,
    learner: str = "pfn",
    steps: int = 2000,
    width: int | None = None,
    learning_rate: float = 1e-3,
    episodes: int = 16,
    most_classes: int | None = None,
    columns: Sequence[str] | None = None,
    target: str = "y",
    seed: int = 0,
    progress: bool | None = None,
) -> InContextModel:
    """Train a network to answer as the posterior of a prior does; see `polytask.learn` with a prior.

    Raises:
        InputError: A setting is wrong, or what the prior draws is not of the kind.
    """
    check = SettingsCheck()
    learner = check.choice("learner", learner, IN_CONTEXT_LEARNERS)
    steps = check.whole("steps", steps, least=1)
    check_used(check, learner, width=width, most_classes=most_classes)
    width = check.whole("width", _WIDTH if width is None else width, least=4)
    learning_rate = check.number("learning_rate", learning_rate, above=0)
    episodes = check.whole("episodes", episodes, least=1)
    seed = check.whole("seed", seed, least=0)
    shown = check.shown("progress", progress)
    if not isinstance(target, str):
        check.problems.append(f"`target` is the name of what is predicted, got {target!r}")
    if most_classes is not None:
        most_classes = check.whole("most_classes", most_classes, least=2)
    check.done()
    start = time.perf_counter()
    draws = _draws(prior, derive_seed(seed, "scales"))
    inputs, targets = (torch.cat(parts) for parts in zip(*draws, strict=True))
    names = _names(columns, inputs.shape[1])
    n_classes = _n_classes(draws, most_classes)
    if n_classes and learner not in OF_OWN_CLASSES:
        raise InputError(
            f"The prior draws classes (whole numbers), but {learner!r} answers numbers. Choose "
            f"{' or '.join(map(repr, OF_OWN_CLASSES))} as `learner`, or draw floats."
        )
    if not n_classes and learner not in OF_NUMBERS:
        raise InputError(
            f"The prior draws numbers (floats), but {learner!r} answers classes. Choose another `learner`, "
            "or draw whole numbers."
        )
    if most_classes is not None and not n_classes:
        raise InputError("`most_classes` is for a prior that draws classes (whole numbers). Leave it out.")
    if len(names) > 1 and learner in OF_ONE_INPUT:
        raise InputError(
            f"{learner!r} takes one input, but the prior draws {len(names)}. Choose another `learner`."
        )
    reader = InContextReader(
        encoder=_encoder(names, inputs),
        targets=(own_target(target) if n_classes else _target(target, targets),),
        column=None,
        own_classes=n_classes > 0,
    )
    config = InContextConfig(
        learner=learner,
        n_inputs=len(names),
        width=width,
        n_bars=_N_BARS if learner == "pfn" and not n_classes else 0,
        n_classes=n_classes,
        own_classes=n_classes > 0,
    )
    source: Source = PriorEpisodes(
        _standardized(prior, reader, len(draws[0][1]), n_classes),
        config.question,
        n_points=len(draws[0][1]),
        min_support=1,
        n_episodes=episodes,
        seed=derive_seed(seed, "episodes"),
    )
    if n_classes:
        source = OwnClassEpisodes(source, n_classes=n_classes, seed=derive_seed(seed, "places"))
    with run_line("learn", shown=shown), other_remedy(_REMEDY), interruptible():
        phase("training")
        network, _ = train_in_context(
            config,
            source,
            borders=None
            if n_classes
            else bars_of(config, (targets - reader.target.mean) / reader.target.scale),
            n_steps=steps,
            learning_rate=learning_rate,
            seed=seed,
            progress=shown,
        )
    return InContextModel(
        network,
        config=config,
        reader=reader,
        names=TaskNames([]),
        known=KnownRows.none(len(names)),
        spreads=(),
        data={"prior": getattr(prior, "__name__", type(prior).__name__), "seed": seed, "steps": steps,
              "seconds": time.perf_counter() - start},
    )  # fmt: skip


def _draws(prior: Prior, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Draw the first data sets, and refuse what is none."""
    draws = [_drawn(prior, generator(seed, index)) for index in range(_FIRST)]
    n_points, n_inputs = draws[0][0].shape
    for x, _ in draws:
        if tuple(x.shape) != (n_points, n_inputs):
            raise InputError(
                f"The prior draws inputs of shape {[n_points, n_inputs]} and of shape {list(x.shape)}; every "
                "data set needs as many points."
            )
    if len({y.is_floating_point() for _, y in draws}) > 1:
        raise InputError(
            "The prior draws floats and whole numbers; the former are numbers, the latter classes."
        )
    if n_points < 2:
        raise InputError(f"The prior draws {n_points} point; a data set needs two or more.")
    return draws


def _drawn(prior: Prior, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    found: Any = prior(draw)
    good = isinstance(found, tuple) and len(found) == 2 and all(isinstance(one, Tensor) for one in found)
    if not good or found[0].ndim != 2 or found[1].shape != found[0].shape[:1]:
        told = [list(one.shape) for one in found if isinstance(one, Tensor)] if good else type(found).__name__
        raise InputError(
            f"A prior returns inputs [point, input] and targets [point], both tensors, got {told}."
        )
    x, y = found[0].float(), found[1]
    if not y.is_floating_point():
        y = y.long()
        if len(y) and int(y.min()) < 0:
            raise InputError(
                f"The prior drew the class {int(y.min())}: targets as whole numbers are classes, from 0 on. "
                "Draw floats if they are numbers."
            )
    else:
        y = y.float()
    if not bool(x.isfinite().all() and y.isfinite().all()):
        raise DataError("The prior drew a number that is not finite. Draw others instead.")
    return x, y


def _n_classes(draws: Sequence[tuple[Tensor, Tensor]], most_classes: int | None) -> int:
    """Return for how many classes of a data set the network is built; 0 for numbers.

    Raises:
        InputError: A data set has more than are allowed, or all have one alone.
    """
    if draws[0][1].is_floating_point():
        return 0
    most = MOST_CLASSES if most_classes is None else most_classes
    there = max(len(y.unique()) for _, y in draws)
    _check_n_classes(there, most)
    if there < 2:
        raise InputError(
            "The prior draws one class alone in every data set, of which there is nothing to learn."
        )
    return there if most_classes is None else most


def _check_n_classes(n_classes: int, most: int) -> None:
    if n_classes > most:
        raise InputError(
            f"The prior draws {n_classes} classes in a data set, but the network is built for {most}. "
            "Draw fewer, or raise `most_classes`."
        )


def _names(columns: Sequence[str] | None, n_inputs: int) -> list[str]:
    if columns is None:
        return ["x"] if n_inputs == 1 else [f"x{index + 1}" for index in range(n_inputs)]
    names = [columns] if isinstance(columns, str) else list(columns)
    if len(names) != n_inputs or len(set(names)) < n_inputs:
        raise InputError(f"`columns` needs a name for each of the {n_inputs} inputs, got {names}.")
    return names


def _encoder(names: Sequence[str], inputs: Tensor) -> TableEncoder:
    """Return what standardizes the inputs by the draws."""
    found = []
    for index, name in enumerate(names):
        values = inputs[:, index].double()
        mean, scale = float(values.mean()), float(values.std())
        found.append(
            NumberFeatures(
                name=name, kind="number", median=mean, mean=mean, scale=scale if scale > 0 else 1.0,
                indicator=False, low=float(values.min()), high=float(values.max()),
            )
        )  # fmt: skip
    return TableEncoder(encodings=tuple(found))


def _target(name: str, targets: Tensor) -> TargetColumn:
    scale = float(targets.double().std())
    if not scale > 0 or not math.isfinite(scale):
        raise InputError("The prior draws the same target everywhere, of which there is nothing to learn.")
    return TargetColumn(
        task=Task(name=name, kind="regression"), classes=(), mean=float(targets.double().mean()), scale=scale
    )


def _standardized(
    prior: Prior, reader: InContextReader, n_points: int, n_classes: int
) -> Callable[[int, int, torch.Generator], tuple[Tensor, Tensor]]:
    """Return a sampler of many data sets at once, on the scale of the network."""
    columns = [one for one in reader.encoder.encodings if isinstance(one, NumberFeatures)]
    mean, scale = (
        torch.tensor([getattr(one, part) for one in columns], dtype=torch.float32)
        for part in ("mean", "scale")
    )

    def sample(n_sets: int, _: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        sets = [_drawn(prior, draw) for _ in range(n_sets)]
        for x, y in sets:
            if n_classes:
                _check_n_classes(len(y.unique()), n_classes)
            if len(x) != n_points:
                raise InputError(
                    f"The prior draws {n_points} points and {len(x)} points; every data set needs as many."
                )
        inputs, targets = (torch.stack(parts) for parts in zip(*sets, strict=True))
        if not n_classes:
            targets = (targets - reader.target.mean) / reader.target.scale
        return (inputs - mean) / scale, targets

    return sample
