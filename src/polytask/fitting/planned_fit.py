"""What a fit would do: everything is read and checked, and nothing is trained."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from polytask.core import Task
from polytask.core.defaults import usual_defaults
from polytask.core.random import own_random_state, seeded
from polytask.data.tables.large_table import LargeTable
from polytask.data.tables.target_column import TargetColumn
from polytask.fitting.grouped_fit import compared_targets, group_parts
from polytask.fitting.own_targets import OwnTargets
from polytask.fitting.stacked_losses import StackedLosses
from polytask.fitting.stacked_training import StackedTraining
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_ensemble_fit import form_members, network_forms, stacked
from polytask.fitting.table_preparation import PreparedTable
from polytask.fitting.table_split_fit import steps_an_epoch
from polytask.fitting.table_surroundings import Surroundings
from polytask.fitting.target_groups import Groups
from polytask.models.table_config import TableConfig
from polytask.models.table_learner import build_table_learner
from polytask.train.fabric import device_for

__all__ = ["PlannedFit", "PlannedTraining", "plan_training", "table_summary"]

_LONG_ENOUGH = 0.3  # seconds of steps that are measured


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTraining:
    """Networks that are trained at once, or one after the other in the same way.

    Args:
        title: What they are called.
        networks: How many.
        parameters: Of one network, the largest.
        epochs: Passes over its rows at most.
        steps_an_epoch: Of one network.
        most_seconds: If every epoch is needed, on this machine as busy as it is; None where it is not
            measured.
    """

    title: str
    networks: int
    parameters: int
    epochs: int
    steps_an_epoch: int
    most_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFit:
    """What a fit would do.

    Args:
        table: See `table_summary`.
        trainings: What would be trained.
        messages: What was noteworthy about the data.
    """

    table: Mapping[str, Any]
    trainings: tuple[PlannedTraining, ...]
    messages: tuple[str, ...]

    @property
    def most_seconds(self) -> float | None:
        """Seconds of training at most; None where it is not measured."""
        measured = [one.most_seconds for one in self.trainings if one.most_seconds is not None]
        return sum(measured) if measured and len(measured) == len(self.trainings) else None

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            **self.table,
            "trainings": [asdict(one) for one in self.trainings],
            "most_seconds": self.most_seconds,
            "messages": list(self.messages),
        }


def plan_training(
    prepared: PreparedTable,
    groups: Groups | None,
    config: TableConfig,
    *,
    baselines: bool,
    seed: int,
    where: Surroundings,
) -> tuple[PlannedTraining, ...]:
    """Tell which networks a fit trains; see `fit_groups` for the arguments.

    The networks of hard sharing are built, and a few of their steps measured; nothing is kept of them.
    """
    if groups is None:
        sides = [False, True] if baselines and len(prepared.tasks) > 1 else [False]
        return tuple(one for alone in sides for one in _trainings(prepared, config, alone, seed, where))
    parts = [part.prepared for part in group_parts(prepared, groups)]
    found = [
        replace(one, title=replace(where, group=group).shown(one.title))
        for group, part in zip(groups, parts, strict=True)
        for one in _trainings(part, config, False, seed, where)
    ]
    compared = compared_targets(prepared, groups) if baselines else None
    return (*found, *(() if compared is None else _trainings(compared.prepared, config, True, seed, where)))


def _trainings(
    prepared: PreparedTable, config: TableConfig, alone: bool, seed: int, where: Surroundings
) -> list[PlannedTraining]:
    """Tell which networks are trained of all targets together, or of each alone."""
    if stacked(config):
        return _stack_trainings(prepared, config, alone=alone, seed=seed, where=where)
    return _split_trainings(prepared, config, alone=alone, seed=seed)


def _stack_trainings(
    prepared: PreparedTable, config: TableConfig, *, alone: bool, seed: int, where: Surroundings
) -> list[PlannedTraining]:
    device = device_for(where.accelerator, where.checked_precision)
    members = form_members(prepared, single=alone)
    losses = StackedLosses(
        prepared.tasks,
        prepared.rows,
        prepared.weights,
        device,
        class_weights=prepared.class_weights,
        own=OwnTargets.where_fewer(prepared.tasks, members.learns, device),
    )
    found = []
    for name, form in network_forms(prepared, config).items():
        with usual_defaults(), own_random_state():
            training = StackedTraining(
                prepared.tasks,
                prepared.rows,
                members,
                form,
                config,
                binned=prepared.numbers,
                losses=losses,
                weights=prepared.weights,
                large=prepared.large,
                seed=seed,
                device=device,
                precision=where.precision,
            )
            seconds = _seconds_of_epoch(training)
        found.append(
            PlannedTraining(
                title=f"{name} {'alone' if alone else 'joint'}",
                networks=len(training.members.folds),
                parameters=max(training.n_parameters),
                epochs=training.n_epochs,
                steps_an_epoch=training.n_steps,
                most_seconds=training.n_epochs * seconds,
            )
        )
    return found


def table_summary(
    frame: pd.DataFrame | LargeTable,
    columns: Columns,
    prepared: PreparedTable,
    *,
    groups: Groups | None = None,
) -> dict[str, Any]:
    """Say what was made of a table, as plain JSON: rows, targets, columns by kind or left out, folds."""
    asked = {"group": None if columns.of_tasks else columns.group, "time": columns.time}
    asked |= {"weight": columns.weight, "fold": columns.fold}
    asked["task_column"] = columns.group if columns.of_tasks else None
    tasks = {} if prepared.groups is None or not columns.of_tasks else {"tasks": _n_tasks(prepared.groups)}
    used: dict[str, list[str]] = {}
    for encoding in prepared.encoder.encodings:
        used.setdefault(encoding.kind, []).append(encoding.name)
    sizes = [len(fold.held_out) for dealt in prepared.repeats for fold in dealt]
    return {
        "rows": {"table": len(frame), "labelled": prepared.n_labelled},
        **tasks,
        "targets": [_target_summary(target, prepared) for target in prepared.targets],
        "groups": [list(group) for group in groups or ()],
        "columns": used,
        "features": prepared.encoder.n_features,
        "left_out": dict.fromkeys(columns.drop, "dropped, as asked") | dict(prepared.encoder.dropped),
        "roles": {role: name for role, name in asked.items() if name is not None},
        "folds": [len(dealt) for dealt in prepared.repeats],
        "held_out_rows": [min(sizes), max(sizes)],
    }


def _n_tasks(groups: np.ndarray) -> int:
    return len(np.unique(groups))


def _target_summary(target: TargetColumn, prepared: PreparedTable) -> dict[str, Any]:
    task = target.task
    return {
        "name": task.name,
        "kind": target.kind,
        "classes": len(task.labels) or None,
        "labels": prepared.rows.n_labels(task.name),
    }


def _seconds_of_epoch(training: StackedTraining) -> float:
    """Measure some steps and one look at the held-out rows."""
    training.stack.train()
    training.rows.start_epoch(0)
    training.step(0)  # the first one is slower
    start, n_steps = time.perf_counter(), 0
    while n_steps < training.n_steps and time.perf_counter() - start < _LONG_ENOUGH:
        training.step(n_steps)
        n_steps += 1
    a_step = (time.perf_counter() - start) / n_steps
    start = time.perf_counter()
    training.stack.eval()
    with torch.no_grad():
        training.held_out_outputs()
    return training.n_steps * a_step + time.perf_counter() - start


def _split_trainings(
    prepared: PreparedTable, config: TableConfig, *, alone: bool, seed: int
) -> list[PlannedTraining]:
    n_models = sum(map(len, prepared.repeats))
    sides: list[tuple[str, Sequence[Task]]] = [("joint", prepared.tasks)]
    if alone:
        sides = [(f"{task.name} alone", [task]) for task in prepared.tasks]
    found = []
    for title, tasks in sides:
        with usual_defaults(), seeded(seed, "initialization"):
            learner = build_table_learner(tasks, prepared.encoder.n_features, config)
        found.append(
            PlannedTraining(
                title=title,
                networks=n_models,
                parameters=sum(values.numel() for values in learner.parameters()),
                epochs=config.epochs,
                steps_an_epoch=steps_an_epoch(prepared, tasks, config, seed=seed),
            )
        )
    return found
