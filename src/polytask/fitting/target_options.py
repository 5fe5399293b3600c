"""What is asked of single targets beside their kind: how much they count, and how they are judged."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from polytask.core import DataError
from polytask.core.names import name_problem
from polytask.core.settings import SettingsCheck, shown
from polytask.data.tables.cell import spell
from polytask.data.tables.feature_column import category_finder
from polytask.data.tables.problems import problem_error
from polytask.data.tables.target_column import TargetColumn
from polytask.evaluate.metrics import metric_names, metrics_of
from polytask.fitting.table_preparation import PreparedTable

__all__ = [
    "BALANCED",
    "check_class_weights",
    "check_metrics",
    "check_target_weights",
    "with_class_weights",
    "with_metrics",
    "with_target_weights",
]

BALANCED = "balanced"
"""Weights that make all classes of a target count alike."""


def check_class_weights(check: SettingsCheck, given: Any) -> Any:
    """Check class weights as people write them.

    Args:
        check: Takes the problems.
        given: ``"balanced"`` for all targets of classes; or by target that, or a weight by class.

    Returns:
        The same as plain Python, classes spelled as text; None for none.
    """
    if given is None or given == BALANCED:
        return given
    if not isinstance(given, Mapping):
        check.problems.append(
            f"`class_weights` must be {BALANCED!r}, or by target {BALANCED!r} or a weight by class, got "
            f"{shown(given)}"
        )
        return given
    found: dict[str, Any] = {}
    for name, weights in given.items():
        where = f"`class_weights` of {name!r}"
        if isinstance(weights, Mapping):
            found[str(name)] = {
                spell(label): _weight(check, f"{where}: the weight of {label!r}", weight)
                for label, weight in weights.items()
            }
        elif weights == BALANCED:
            found[str(name)] = BALANCED
        else:
            check.problems.append(f"{where} must be {BALANCED!r} or weights by class, got {shown(weights)}")
    return found


def check_target_weights(check: SettingsCheck, given: Any) -> dict[str, float] | None:
    """Check the weights of targets as people write them, numbers above 0 by name; None for none."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        check.problems.append(
            f"`target_weights` must be a number for each target by name, got {shown(given)}"
        )
        return None
    return {
        str(name): _weight(check, f"`target_weights`: the weight of {name!r}", weight)
        for name, weight in given.items()
    }


def check_metrics(check: SettingsCheck, given: Any) -> dict[str, str] | None:
    """Check which metric judges which target, by name; None for none."""
    if given is None:
        return None
    if not isinstance(given, Mapping) or not all(isinstance(metric, str) for metric in given.values()):
        check.problems.append(f"`metrics` must be the name of a metric for each target, got {shown(given)}")
        return None
    return {str(name): metric for name, metric in given.items()}


def _weight(check: SettingsCheck, what: str, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, Real) or not 0 < float(given) < math.inf:
        check.problems.append(f"{what} must be a number above 0, got {shown(given)}")
        return 1.0
    return float(given)


def with_class_weights(prepared: PreparedTable, given: Any) -> PreparedTable:
    """Give each target of classes the weights that were asked for, with mean 1 over its labels.

    ``"balanced"`` is the number of labels over the number of classes and the labels of the class.

    Args:
        prepared: The table.
        given: What `check_class_weights` returned.

    Raises:
        DataError: A target or a class is none of the table, or a target has no classes.
    """
    if given is None:
        return prepared
    of_classes = [target.task.name for target in prepared.targets if target.classes]
    if given == BALANCED:
        if not of_classes:
            raise DataError("`class_weights` are for targets of classes, but all targets are numbers.")
        given = dict.fromkeys(of_classes, BALANCED)
    problems: list[str] = []
    for name in given:
        if name not in of_classes:
            problems.append(_no_such_target(prepared, name, "class_weights", of_classes))
    targets = [
        _weighted(target, given[target.task.name], prepared, problems)
        if target.classes and target.task.name in given
        else target
        for target in prepared.targets
    ]
    if problems:
        raise problem_error(problems)
    return replace(prepared, targets=tuple(targets))


def with_target_weights(prepared: PreparedTable, given: Mapping[str, float] | None) -> PreparedTable:
    """Let targets count as much as was asked in the loss of what they share; 1 where not named, then mean 1.

    Raises:
        DataError: A target is none of the table.
    """
    if not given:
        return prepared
    names = [task.name for task in prepared.tasks]
    if unknown := [_unknown("target_weights", name, names) for name in given if name not in names]:
        raise problem_error(unknown)
    weights = {name: given.get(name, 1.0) for name in names}
    mean = sum(weights.values()) / len(weights)
    return replace(prepared, target_weights={name: weight / mean for name, weight in weights.items()})


def with_metrics(prepared: PreparedTable, given: Mapping[str, str] | None) -> PreparedTable:
    """Let the metrics that were asked judge their targets; the usual ones of the kind are shown beside.

    Raises:
        DataError: A target is none of the table, or its kind has no such metric.
    """
    if not given:
        return prepared
    names = [task.name for task in prepared.tasks]
    problems = [_unknown("metrics", name, names) for name in given if name not in names]
    targets = []
    for target in prepared.targets:
        task, metric = target.task, given.get(target.task.name)
        if metric is not None and metric not in metrics_of(task.kind):
            what = f"`metrics`: the target {task.name!r} is {task.kind} and has no metric {metric!r}"
            problems.append(f"{name_problem(what, metric, metrics_of(task.kind))}.")
        elif metric is not None:
            shown_too = (name for name in metric_names(task) if name != metric)
            target = replace(target, task=replace(task, metrics=(metric, *shown_too)))
        targets.append(target)
    if problems:
        raise problem_error(problems)
    return replace(prepared, targets=tuple(targets))


_MOST_APART = 1e9
"""How much more an error on one class may cost than on another; beyond that numbers round to nothing."""


def _unknown(setting: str, name: str, possible: Sequence[str]) -> str:
    return f"{name_problem(f'`{setting}`: there is no target {name!r}', name, possible)}."


def _no_such_target(prepared: PreparedTable, name: str, setting: str, possible: Sequence[str]) -> str:
    if name in {task.name for task in prepared.tasks}:
        return f"`{setting}`: the target {name!r} is a number, and has no classes. Leave it out there."
    return _unknown(setting, name, possible)


def _weighted(
    target: TargetColumn, asked: str | Mapping[str, float], prepared: PreparedTable, problems: list[str]
) -> TargetColumn:
    name = target.task.name
    known = prepared.rows.masks[name].numpy()
    codes = prepared.rows.targets[name].numpy()[known].astype(np.int64)
    counts = np.bincount(codes, minlength=len(target.classes)).clip(min=1)  # 0 in a sample of a large table
    if isinstance(asked, str):
        weights = len(codes) / (len(counts) * counts)
    else:
        weights, find = np.ones(len(counts)), category_finder(target.classes)
        for label, weight in asked.items():
            index = find(label)
            if index < 0:
                what = f"`class_weights`: the target {name!r} has no class {label!r}"
                problems.append(f"{name_problem(what, label, target.classes)}.")
            else:
                weights[index] = weight
        if weights.max() / _MOST_APART > weights.min():
            problems.append(
                f"`class_weights`: the weights of {name!r} are more than {_MOST_APART:.0e} times apart. "
                "Bring them closer together."
            )
            return target
    weights = weights * len(codes) / (weights * counts).sum()
    return replace(target, class_weights=tuple(weights.tolist()))
