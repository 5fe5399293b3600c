"""Affinities between the targets, or the tasks, of a table; and gains by which they are grouped."""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from polytask.core import DataWarning, Interval, Learner, derive_seed, seeded
from polytask.data import JointSource, Source
from polytask.fitting.table_preparation import PreparedTable
from polytask.models.table_config import TableConfig
from polytask.models.table_learner import build_table_learner
from polytask.relate.affinity import Affinity
from polytask.relate.function_similarity import function_similarity
from polytask.relate.gradient_cosines import gradient_affinity
from polytask.relate.lookahead import lookahead_affinity
from polytask.relate.pilot_probability import standard_error
from polytask.relate.short_comparison import ShortComparison, pair_gains
from polytask.relate.similarity import label_similarity, similarity_gains

__all__ = ["AFFINITIES", "AffinityKind", "TableAffinity", "table_affinity", "usual_affinity"]

AffinityKind: TypeAlias = Literal["transfer", "functions", "labels", "gradients", "lookahead"]

AFFINITIES: Mapping[AffinityKind, str] = {
    "transfer": "gain of each task from training with each other one, %",
    "functions": "how alike the tasks' linear models predict",
    "labels": "how the labels correlate on common rows",
    "gradients": "cosines of the tasks' gradients in joint training",
    "lookahead": "share by which a step for one task lowers the other's loss",
}
"""What each measures, in words."""

_MOST_IN_PAIRS = 12  # tasks: their 66 pairs are trained at once
_STEPS, _EVERY, _BATCH = 200, 10, 64
_RATE = 1e-2


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAffinity:
    """An affinity, and what it predicts for groups.

    Args:
        kind: Of `AFFINITIES`.
        affinity: As measured.
        gains: For `group_tasks`, ``[from task, to task]``.
    """

    kind: AffinityKind
    affinity: Affinity
    gains: Tensor


def usual_affinity(n_tasks: int) -> AffinityKind:
    """Return what is measured unless something else is asked: transfer itself, or for many tasks functions.

    Example:
        >>> usual_affinity(3), usual_affinity(139)
        ('transfer', 'functions')
    """
    return "transfer" if n_tasks <= _MOST_IN_PAIRS else "functions"


def table_affinity(
    kind: AffinityKind, prepared: PreparedTable, short: ShortComparison, *, epochs: int, seed: int
) -> TableAffinity:
    """Measure an affinity between the tasks of a table.

    Args:
        kind: Which.
        prepared: Rows and folds.
        short: The short comparison of the same rows.
        epochs: For ``"transfer"``, passes over the rows at most.
        seed: Decides everything random.
    """
    if kind == "transfer":
        return _transfer(prepared, pair_gains(prepared, short.single, epochs=epochs, seed=seed))
    if kind in ("gradients", "lookahead"):
        found = _in_training(kind, prepared, seed=seed)
        return TableAffinity(kind=kind, affinity=found, gains=similarity_gains(found.matrix))
    measure = function_similarity if kind == "functions" else label_similarity
    matrix = measure(prepared.tasks, prepared.rows)
    names = tuple(task.name for task in prepared.tasks)
    known = torch.stack([prepared.rows.labelled(name) for name in names]).long()  # [task, row]
    found = Affinity(names=names, matrix=matrix, n_seen=known @ known.T)
    return TableAffinity(kind=kind, affinity=found, gains=similarity_gains(matrix))


def _transfer(prepared: PreparedTable, measured: Mapping[tuple[str, str], Interval | None]) -> TableAffinity:
    names = tuple(task.name for task in prepared.tasks)
    index = {name: position for position, name in enumerate(names)}
    matrix, seen = torch.zeros(len(names), len(names), dtype=torch.float64), torch.eye(len(names)).long()
    gains = torch.zeros_like(matrix)
    shrunk = _shrunk(measured)
    for (giver, receiver), gain in measured.items():
        place = index[giver], index[receiver]
        matrix[place] = math.nan if gain is None else gain.mean
        gains[place] = shrunk.get((giver, receiver), math.nan)
        seen[place] = int(gain is not None)
    affinity = Affinity(names=names, matrix=matrix, n_seen=seen)
    return TableAffinity(kind="transfer", affinity=affinity, gains=gains)


def _shrunk(measured: Mapping[tuple[str, str], Interval | None]) -> dict[tuple[str, str], float]:
    r"""Pull noisy gains towards the mean of all, as far as their errors say.

    Groups are chosen by the largest of many gains, most of which noise would decide:
    :math:`\mu + (g - \mu) \tau^2 / (\tau^2 + s^2)`, with :math:`\tau^2` the variance that the errors
    :math:`s^2` leave unexplained.
    """
    known = {pair: gain for pair, gain in measured.items() if gain is not None}
    errors = {pair: standard_error(gain) for pair, gain in known.items()}
    sure = [pair for pair, error in errors.items() if math.isfinite(error)]
    if not sure:
        return {pair: gain.mean for pair, gain in known.items()}
    means = torch.tensor([known[pair].mean for pair in sure], dtype=torch.float64)
    squares = torch.tensor([errors[pair] ** 2 for pair in sure], dtype=torch.float64)
    middle = float(means.mean())
    spread = max(float((means - middle).square().mean() - squares.mean()), 0.0)
    found = dict.fromkeys(known, middle)
    for pair, square in zip(sure, squares.tolist(), strict=True):
        share = spread / (spread + square) if spread > 0 else 0.0
        found[pair] = middle + share * (known[pair].mean - middle)
    return found


def _in_training(kind: AffinityKind, prepared: PreparedTable, *, seed: int) -> Affinity:
    """Look at the gradients of a joint network while it is trained."""
    config = TableConfig()
    with seeded(seed, "initialization"):
        learner = build_table_learner(prepared.tasks, prepared.encoder.n_features, config)
    source = JointSource(
        prepared.tasks,
        prepared.rows,
        batch_size=min(_BATCH * max(1, len(prepared.tasks) // 8), len(prepared.rows)),
        seed=derive_seed(seed, "order"),
    )

    def optimizer(parameters: list[nn.Parameter]) -> Optimizer:
        return AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)

    measure: Callable[[Learner, Source], Affinity] = (
        (lambda model, steps: gradient_affinity(
            model, steps, n_steps=_STEPS, optimizer=optimizer, every=_EVERY, seed=seed))
        if kind == "gradients"
        else (lambda model, steps: lookahead_affinity(
            model, steps, n_steps=_STEPS, rate=_RATE, optimizer=optimizer, every=_EVERY, seed=seed))
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # said once, in the result
        return measure(learner, source)
