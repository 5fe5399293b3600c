"""Fit the model of a table in groups of targets: networks for each group, joined into one model.

A group's networks are those that its targets and rows alone would get, so that they do not change with the
other groups. A target that is alone in its group needs no baseline: it has one.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch

from polytask.core import SharedModel, derive_seed
from polytask.fitting.table_ensemble_fit import (
    TableFit,
    fit_ensemble,
    fit_single,
    fit_together,
    run_titles,
    work,
)
from polytask.fitting.table_preparation import PreparedTable
from polytask.fitting.table_surroundings import Surroundings, title_in_group
from polytask.fitting.target_groups import Groups
from polytask.fitting.target_part import TargetPart, target_part
from polytask.models.network_stack import StackedEnsemble
from polytask.models.table_config import TableConfig
from polytask.models.table_ensemble import TableEnsemble
from polytask.train.progress import expect

__all__ = ["compared_targets", "fit_groups", "group_parts", "group_titles"]


def fit_groups(
    prepared: PreparedTable,
    groups: Groups | None,
    config: TableConfig,
    *,
    baselines: bool,
    seed: int,
    where: Surroundings,
) -> TableFit:
    """Train networks for each group of targets, and with baselines a model for every target alone.

    Args:
        prepared: The table.
        groups: As `polytask.fitting.target_groups.settled` returns them; None for all targets in one.
        config: The form of the networks, and how they are trained.
        baselines: Whether single-target models are trained, too.
        seed: Decides everything random.
        where: Device, precision, resume folder, time, which groups share evenly.

    Raises:
        DataError: A group has labels in too few folds.
    """
    if groups is None:
        return fit_ensemble(prepared, config, baselines=baselines, seed=seed, where=where)
    parts = group_parts(prepared, groups)
    compared = compared_targets(prepared, groups) if baselines else None
    shares = [share for part in parts for share in work(part.prepared, config)]
    expect(shares + ([] if compared is None else work(compared.prepared, config, single=True)))
    fits = []
    for index, (group, part) in enumerate(zip(groups, parts, strict=True)):
        inside = replace(where, group=group, deadline=_deadline(where, len(groups) - index))
        of_group = derive_seed(seed, "group", *group)
        fits.append(fit_together(part.prepared, config, seed=of_group, where=inside))
    fitted = _joined(prepared, fits, parts)
    single = tuple(group[0] for group in groups if len(group) == 1)
    if compared is None:
        return replace(fitted, single=single)
    answers, n_parameters = fit_single(compared.prepared, config, seed=seed, where=where)
    n_of_single = sum(
        weights.numel()
        for group, one in zip(groups, fits, strict=True)
        for weights in (one.model.parameters() if len(group) == 1 else ())
    )
    return replace(
        fitted, single=single, baseline=compared.spread(answers), n_baseline=n_parameters + n_of_single
    )


def group_parts(prepared: PreparedTable, groups: Groups) -> list[TargetPart]:
    """Return the part of the table that each group is trained on.

    Raises:
        DataError: A group has labels in too few folds.
    """
    return [target_part(prepared, group) for group in groups]


def compared_targets(prepared: PreparedTable, groups: Groups) -> TargetPart | None:
    """Return the part of the targets that share with others; None where none does."""
    names = [name for group in groups for name in group if len(group) > 1]
    return target_part(prepared, names) if names else None


def group_titles(
    prepared: PreparedTable, groups: Groups | None, config: TableConfig, *, baselines: bool
) -> list[str]:
    """Return the titles of all trainings, by which a resume folder keeps them apart."""
    if groups is None:
        return run_titles(prepared, config, baselines=baselines)
    titles = [
        title_in_group(group, title)
        for group, part in zip(groups, group_parts(prepared, groups), strict=True)
        for title in run_titles(part.prepared, config, baselines=False)
    ]
    compared = compared_targets(prepared, groups) if baselines else None
    if compared is not None:
        joint = run_titles(compared.prepared, config, baselines=False)
        titles += [one for one in run_titles(compared.prepared, config, baselines=True) if one not in joint]
    return titles


def _deadline(where: Surroundings, n_left: int) -> float | None:
    """Leave every group that is to come as much of the time."""
    if where.deadline is None:
        return None
    now = time.monotonic()
    return now + (where.deadline - now) / n_left


def _joined(prepared: PreparedTable, fits: Sequence[TableFit], parts: Sequence[TargetPart]) -> TableFit:
    """Join the models of all groups into one; the networks of a group count for its targets alone."""
    members: list[SharedModel | StackedEnsemble] = []
    weights, joint, steps = {}, {}, {}
    n_members = sum(len(one.model.members) for one in fits)
    for one, part in zip(fits, parts, strict=True):
        after = n_members - len(members) - len(one.model.members)
        for name, shares in one.model.weights.items():
            weights[name] = ((0.0,) * len(members)) + shares + (0.0,) * after
        members += cast("list[SharedModel | StackedEnsemble]", list(one.model.members))
        joint |= part.spread(one.joint)
        steps |= one.steps
    names = [task.name for task in prepared.tasks]
    return TableFit(
        model=TableEnsemble(prepared.tasks, members, weights),
        joint={name: joint[name] for name in names},
        steps={name: steps[name] for name in names},
        drawn=_drawn(prepared, fits, parts),
    )


def _drawn(
    prepared: PreparedTable, fits: Sequence[TableFit], parts: Sequence[TargetPart]
) -> torch.Tensor | None:
    """Add up how often each task of the whole table was drawn; None where rows are not drawn."""
    if prepared.draws is None:
        return None
    total = torch.zeros(prepared.draws.n_tasks, dtype=torch.long)
    for one, part in zip(fits, parts, strict=True):
        if one.drawn is not None and part.prepared.draws is not None:
            total[part.prepared.draws.numbers] += one.drawn
    return total
