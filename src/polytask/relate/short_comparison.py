"""A short comparison: joint networks against networks of each task alone, on some rows, for few epochs.

All networks of one side are trained at once as a stack, and every row is judged by networks that have not
seen it. Pairs of tasks are a third side: as a task belongs to many of them, each pair gets copies of its two.
Intervals are widened for what other training rows would change, as in `polytask.compare`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch

from polytask.compare.court import resampled
from polytask.core import Batch, Interval, Task, derive_seed
from polytask.evaluate.jackknife import row_blocks
from polytask.fitting.stacked_fit import fit_stack
from polytask.fitting.stacked_plan import Members, NetworkForm
from polytask.fitting.table_preparation import PreparedTable
from polytask.fitting.table_verdict import Answers, HeldOutRows, mean_gain
from polytask.models.table_config import TableConfig

__all__ = ["ShortComparison", "compare_shortly", "pair_gains"]

EPOCHS = 30
"""Passes over the rows of a short comparison, unless asked otherwise; more where an epoch has few steps."""

_PATIENCE, _WIDTH, _DEPTH = 10, 64, 2
_FEWEST_STEPS, _STEPS_AN_EPOCH, _LEAST_ROWS = 300, 20, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortComparison:
    """What a short comparison found.

    Args:
        joint: Held-out predictions of the networks of all tasks.
        single: Those of the networks of each task alone.
        gains: By task, the gain of joint training in percent of the first metric when alone, paired row by
            row; None where it is not known.
        mean: The gain averaged over tasks; None where one is not known.
    """

    joint: Answers
    single: Answers
    gains: Mapping[str, Interval | None]
    mean: Interval | None


def compare_shortly(
    prepared: PreparedTable,
    *,
    epochs: int = EPOCHS,
    seed: int,
    tell: Callable[[str], object] = lambda _side: None,
) -> ShortComparison:
    """Train joint networks and networks of each task alone, shortly, and compare them row by row.

    Args:
        prepared: Rows, and the folds that judge.
        epochs: Passes over the rows at most.
        seed: Decides everything random.
        tell: Called with the name of what has been trained.
    """
    config = _config(prepared, epochs)
    names = [task.name for task in prepared.tasks]
    joint = _trained(prepared, config, [names], seed=derive_seed(seed, "joint"))
    tell("joint")
    single = _trained(prepared, config, [[name] for name in names], seed=derive_seed(seed, "alone"))
    tell("single")
    blocks_of = derive_seed(seed, "blocks")
    blocks = row_blocks(len(prepared.rows), groups=prepared.groups, order=prepared.times, seed=blocks_of)
    gains = {
        target.task.name: _widened(HeldOutRows(target, prepared, blocks).gain(joint, single), prepared)
        for target in prepared.targets
    }
    mean = _widened(mean_gain(prepared, joint, single, seed=blocks_of), prepared)
    return ShortComparison(joint=joint, single=single, gains=gains, mean=mean)


def pair_gains(
    prepared: PreparedTable, single: Answers, *, epochs: int = EPOCHS, seed: int
) -> dict[tuple[str, str], Interval | None]:
    """Train every pair of tasks together, all pairs at once, and compare them with each task alone.

    Args:
        prepared: Rows, and the folds that judge.
        single: Held-out predictions of the networks of each task alone.
        epochs: Passes over the rows at most.
        seed: Decides everything random.

    Returns:
        By (giver, receiver) what the receiver gains from training with the giver, in percent.
    """
    pairs = list(combinations([task.name for task in prepared.tasks], 2))
    copied, groups = _copies(prepared, pairs)
    answers = _trained(copied, _config(copied, epochs), groups, seed=derive_seed(seed, "pairs"))
    blocks = row_blocks(
        len(prepared.rows),
        groups=prepared.groups,
        order=prepared.times,
        seed=derive_seed(seed, "blocks"),
    )
    judges = {one.task.name: HeldOutRows(one, prepared, blocks) for one in prepared.targets}
    found = {}
    for pair, group in zip(pairs, groups, strict=True):
        for receiver, copy, giver in zip(pair, group, reversed(pair), strict=True):
            gain = judges[receiver].gain({receiver: answers[copy]}, single)
            found[giver, receiver] = _widened(gain, prepared)
    return found


def _widened(gain: Interval | None, prepared: PreparedTable) -> Interval | None:
    folds = prepared.repeats[0]
    ratio = sum(len(fold.held_out) / len(fold.train) for fold in folds) / len(folds)
    return None if gain is None else resampled([gain], n_folds=len(folds), test_over_train=ratio)


def _config(prepared: PreparedTable, epochs: int) -> TableConfig:
    """Return the settings of networks; few rows make few steps an epoch, and need more epochs."""
    n_train = max(len(fold.train) for fold in prepared.repeats[0])
    n_steps = min(_STEPS_AN_EPOCH, max(1, n_train // _LEAST_ROWS))
    epochs = max(epochs, round(epochs * _FEWEST_STEPS / (EPOCHS * n_steps)))
    return TableConfig(width=_WIDTH, depth=_DEPTH, epochs=epochs, patience=_PATIENCE)


def _trained(
    prepared: PreparedTable, config: TableConfig, groups: Sequence[Sequence[str]], *, seed: int
) -> Answers:
    """Train networks for each group of tasks, all at once; return their held-out predictions."""
    names = [task.name for task in prepared.tasks]
    known = torch.stack([prepared.rows.labelled(name) for name in names], dim=1).numpy()
    indices = [[names.index(name) for name in group] for group in groups]
    form = NetworkForm(width=config.width, depth=config.depth, dropout=config.dropout, bins=0)
    return fit_stack(
        prepared.tasks,
        prepared.rows,
        Members.of_groups(prepared.repeats, known, indices),
        form,
        config,
        weights=prepared.weights,
        seed=seed,
    ).predictions


def _copies(
    prepared: PreparedTable, pairs: Sequence[tuple[str, str]]
) -> tuple[PreparedTable, list[list[str]]]:
    """Give every pair copies of its two tasks; return them with the names of each pair's copies."""
    targets = {target.task.name: target for target in prepared.targets}
    copied, groups = [], []
    values: dict[str, torch.Tensor] = {}
    masks: dict[str, torch.Tensor] = {}
    for index, pair in enumerate(pairs):
        groups.append([f"{index}: {name}" for name in pair])
        for name, copy in zip(pair, groups[-1], strict=True):
            copied.append(replace(targets[name], task=_renamed(targets[name].task, copy)))
            values[copy] = prepared.rows.targets[name]
            masks[copy] = prepared.rows.labelled(name)
    rows = Batch(inputs=prepared.rows.inputs, targets=values, masks=masks)
    return replace(prepared, targets=tuple(copied), rows=rows), groups


def _renamed(task: Task, name: str) -> Task:
    return replace(task, name=name)
