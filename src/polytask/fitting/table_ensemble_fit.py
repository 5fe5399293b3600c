"""Fit the model of a table: networks for every fold, averaged, and judged on rows that they did not see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from polytask.core import SharedModel, Task, derive_seed
from polytask.data.tables.folds import Fold
from polytask.fitting.blending import Blend, blend
from polytask.fitting.stacked_fit import fit_stack
from polytask.fitting.stacked_plan import Members, NetworkForm
from polytask.fitting.stacked_result import StackedFit
from polytask.fitting.stacked_training import most_epochs
from polytask.fitting.table_folds import MANY_ROWS
from polytask.fitting.table_preparation import PreparedTable
from polytask.fitting.table_split_fit import fit_splits
from polytask.fitting.table_surroundings import Surroundings
from polytask.fitting.table_verdict import Answers
from polytask.fitting.task_draws import TaskDraws
from polytask.models.network_stack import StackedEnsemble
from polytask.models.table_config import TableConfig
from polytask.models.table_ensemble import TableEnsemble
from polytask.train.fabric import device_for
from polytask.train.progress import TrainingBar, expect

__all__ = [
    "TableFit",
    "fit_single",
    "fit_ensemble",
    "fit_together",
    "form_members",
    "network_forms",
    "run_titles",
    "stacked",
    "work",
]

_STRONG = 30.0  # times the weight decay, for few labels a target
_STRONGER = 120.0  # for many targets with few labels each, which follow from little that is common to all
_MANY_TARGETS, _FEW_LABELS = 10, 100
_WIDER = 2  # networks on bins have more inputs: units of the others, times


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFit:
    """A trained model, and what it and its single-target rivals predict for held-out rows.

    Args:
        model: The joint model.
        joint: Its held-out predictions.
        steps: The training step that each target keeps.
        baseline: Those of a model for every target alone; empty without.
        n_baseline: Parameters of these.
        single: Targets that the model itself trains alone: there is nothing to compare it with.
        drawn: How often each task of a task column was drawn for the joint model, int64 ``[task]``; None
            where rows are not drawn.
    """

    model: TableEnsemble
    joint: Answers
    steps: Mapping[str, int]
    baseline: Answers = field(default_factory=dict)
    n_baseline: int = 0
    single: tuple[str, ...] = ()
    drawn: torch.Tensor | None = None


def stacked(config: TableConfig) -> bool:
    """Tell whether all networks can be trained at once: hard sharing with equal weights."""
    return config.architecture == "hard" and config.balancing == "equal"


def fit_ensemble(
    prepared: PreparedTable,
    config: TableConfig,
    *,
    baselines: bool,
    seed: int,
    where: Surroundings,
) -> TableFit:
    """Train the joint model, and with baselines a model for every target alone.

    Args:
        prepared: The table.
        config: The form of the model, and how it is trained.
        baselines: Whether single-target models are trained, too; with one target they would be the model.
        seed: Decides everything random.
        where: Device, precision, resume folder, time.
    """
    baselines = baselines and len(prepared.tasks) > 1
    expect(work(prepared, config) + (work(prepared, config, single=True) if baselines else []))
    fitted = fit_together(prepared, config, seed=seed, where=where)
    if not baselines:
        return fitted
    answers, n_parameters = fit_single(prepared, config, seed=seed, where=where)
    return replace(fitted, baseline=answers, n_baseline=n_parameters)


def work(prepared: PreparedTable, config: TableConfig, *, single: bool = False) -> list[float]:
    """Return how much work each training is: of the joint model, or of models of each target alone."""
    n_folds, n_sets = sum(map(len, prepared.repeats)), len(prepared.tasks) if single else 1
    if not stacked(config):
        return [1.0] * n_folds * n_sets
    return [float(n_folds * n_sets)] * len(network_forms(prepared, config))


def fit_together(prepared: PreparedTable, config: TableConfig, *, seed: int, where: Surroundings) -> TableFit:
    """Train the joint model alone; see `fit_ensemble`."""
    tasks = prepared.tasks
    if not stacked(config):
        return _fit_splits(prepared, config, seed=seed, where=where)
    forms = network_forms(prepared, config)
    joint = [_fit_form(prepared, config, name, alone=False, seed=seed, where=where) for name in forms]
    chosen = _blended(prepared, joint)
    members, weights = _members(tasks, joint, chosen)
    return TableFit(
        model=TableEnsemble(tasks, members, weights),
        joint=chosen.predictions,
        steps=_steps(joint, chosen),
        drawn=_drawn(joint),
    )


def fit_single(
    prepared: PreparedTable, config: TableConfig, *, seed: int, where: Surroundings
) -> tuple[Answers, int]:
    """Train a model for every target alone; return held-out predictions, and the number of parameters."""
    if not stacked(config):
        return _fit_splits_single(prepared, config, seed=seed, where=where)
    forms = network_forms(prepared, config)
    alone = [_fit_form(prepared, config, name, alone=True, seed=seed, where=where) for name in forms]
    answers = _blended(prepared, alone, together=False).predictions
    return answers, sum(one.n_parameters for one in alone)


def run_titles(prepared: PreparedTable, config: TableConfig, *, baselines: bool) -> list[str]:
    """Return the titles of all trainings, by which a resume folder keeps them apart."""
    baselines = baselines and len(prepared.tasks) > 1
    if stacked(config):
        sides = ["joint", *(["alone"] if baselines else [])]
        return [f"{name} {side}" for side in sides for name in network_forms(prepared, config)]
    names = [task.name for task in prepared.tasks]
    return [
        f"repeat {repeat + 1} fold {index + 1} {side}"
        for repeat, folds in enumerate(prepared.repeats)
        for index in range(len(folds))
        for side in ("joint", *([f"{name} alone" for name in names] if baselines else []))
    ]


def network_forms(prepared: PreparedTable, config: TableConfig) -> dict[str, NetworkForm]:
    """Return the forms of network that are averaged, by name."""
    plain = NetworkForm(width=config.width, depth=config.depth, dropout=config.dropout, bins=0)
    forms = {"networks": plain, "linear": replace(plain, depth=0, dropout=0.0)}
    if prepared.n_labelled <= MANY_ROWS and prepared.large is None:  # many rows need no strong decay
        forms["networks of small weights"] = replace(plain, decay=_STRONG)
    labels = [int(prepared.rows.masks[task.name].sum()) for task in prepared.tasks]
    if len(labels) >= _MANY_TARGETS and np.median(labels) <= _FEW_LABELS:
        forms["networks of very small weights"] = replace(plain, decay=_STRONGER)
    if prepared.numbers and config.bins:
        forms["networks on bins"] = replace(plain, width=_WIDER * config.width, bins=config.bins)
    return forms


def _fit_form(
    prepared: PreparedTable, config: TableConfig, name: str, *, alone: bool, seed: int, where: Surroundings
) -> StackedFit:
    """Train one form of network for all folds at once."""
    form = network_forms(prepared, config)[name]
    title = f"{name} {'alone' if alone else 'joint'}"
    device = device_for(where.accelerator, where.checked_precision)
    n_epochs = most_epochs(config, prepared.n_labelled)
    with TrainingBar(n_epochs, title=where.shown(title), shown=where.progress) as bar:

        def tell(epoch: int, losses: Mapping[str, float]) -> None:
            bar.advance(epoch + 1)
            bar.show(losses)
            row = {"epoch": epoch + 1.0, **{f"loss/{name}": value for name, value in losses.items()}}
            where.rows.setdefault(where.shown(title), []).append(row)

        return fit_stack(
            prepared.tasks,
            prepared.rows,
            form_members(prepared, single=alone),
            form,
            config,
            binned=prepared.numbers,
            weights=prepared.weights,
            class_weights=prepared.class_weights,
            target_weights={} if alone else prepared.target_weights,
            curriculum=None if alone else prepared.curriculum,
            draws=_draws(prepared, alone=alone),
            units=_units(prepared),
            large=prepared.large,
            seed=derive_seed(seed, title),
            device=device,
            precision=where.precision,
            checkpoint=where.checkpoint(title),
            identity=where.identity,
            deadline=where.deadline,
            tell=tell,
        )


def _draws(prepared: PreparedTable, *, alone: bool) -> TaskDraws | None:
    """Return the law by which rows are drawn; what follows from losses is of networks of all targets."""
    draws = prepared.draws
    return None if draws is not None and alone and draws.follows else draws


def _units(prepared: PreparedTable) -> torch.Tensor | None:
    """Return what is new together, long ``[row]``: a row, or a group; None where a fold is."""
    if prepared.times is not None or prepared.given_folds:
        return None
    if prepared.groups is None:
        return torch.arange(len(prepared.rows))
    return torch.from_numpy(np.unique(prepared.groups, return_inverse=True)[1].reshape(-1))


def form_members(prepared: PreparedTable, *, single: bool) -> Members:
    """Return the networks of one form: those of the joint model, or those of each target alone."""
    if not single:
        return Members.joint(_with_last(prepared), len(prepared.tasks))
    known = torch.stack([prepared.rows.masks[task.name] for task in prepared.tasks], dim=1)
    return Members.baselines(prepared.repeats, known.numpy())


def _with_last(prepared: PreparedTable) -> tuple[tuple[Fold, ...], ...]:
    """Add networks that are trained on all rows where folds go forward in time: the last are wanted, too."""
    if prepared.times is None:
        return prepared.repeats
    everything = np.arange(len(prepared.rows))
    last = Fold(train=everything, held_out=everything[:0])
    return tuple((*folds, *[last] * len(folds)) for folds in prepared.repeats)


def _drawn(fits: Sequence[StackedFit]) -> torch.Tensor | None:
    """Add up how often tasks were drawn, int64 ``[task]``; None where rows are not drawn."""
    counts = [one.drawn for one in fits if one.drawn is not None]
    return torch.stack(counts).sum(0) if counts else None


def _blended(prepared: PreparedTable, fits: Sequence[StackedFit], *, together: bool = True) -> Blend:
    held_out = [one.predictions for one in fits]
    return blend(prepared.tasks, prepared.rows, held_out, prepared.repeats[0], together=together)


def _members(
    tasks: Sequence[Task], fits: Sequence[StackedFit], chosen: Blend
) -> tuple[list[SharedModel | StackedEnsemble], dict[str, tuple[float, ...]]]:
    """Keep the models, and of each the targets, that count for something."""
    members: list[SharedModel | StackedEnsemble] = []
    used = []
    for index, one in enumerate(fits):
        names = {task.name for task in tasks if chosen.weights[task.name][index]}
        if names and one.model is not None:
            members.append(one.model.only(names))
            used.append(index)
    weights = {name: tuple(shares[index] for index in used) for name, shares in chosen.weights.items()}
    return members, weights


def _steps(fits: Sequence[StackedFit], chosen: Blend) -> dict[str, int]:
    """Return for each target the last step of a model that counts."""
    return {
        name: max(one.steps[name] for one, share in zip(fits, shares, strict=True) if share)
        for name, shares in chosen.weights.items()
    }


def _fit_splits(prepared: PreparedTable, config: TableConfig, *, seed: int, where: Surroundings) -> TableFit:
    """Train fold after fold, where networks cannot be trained at once."""
    names = [task.name for task in prepared.tasks]
    joint = fit_splits(prepared, names, config, side="joint", seed=seed, where=where)
    shares = [1 / len(joint.members)] * len(joint.members)
    return TableFit(
        model=TableEnsemble(prepared.tasks, joint.members, dict.fromkeys(names, shares)),
        joint=joint.predictions,
        steps=dict.fromkeys(names, joint.steps),
        drawn=joint.drawn,
    )


def _fit_splits_single(
    prepared: PreparedTable, config: TableConfig, *, seed: int, where: Surroundings
) -> tuple[Answers, int]:
    answers: dict[str, torch.Tensor] = {}
    n_parameters = 0
    for task in prepared.tasks:
        alone = fit_splits(prepared, [task.name], config, side=f"{task.name} alone", seed=seed, where=where)
        answers |= alone.predictions
        n_parameters += sum(p.numel() for member in alone.members for p in member.parameters())
    return answers, n_parameters
