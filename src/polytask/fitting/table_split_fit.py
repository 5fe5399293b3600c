"""Train a model of a table fold after fold, for architectures and balancers that take the training loop.

A fold is judged by a model that was trained on all others but one, by which it was stopped: so no row takes
part in choosing the step of the model that judges it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from polytask.balancing import balancer_by_name
from polytask.balancing.methods import FixedWeights
from polytask.core import Batch, DataError, Learner, SharedModel, Task, derive_seed, generator, seeded
from polytask.core.names import counted
from polytask.data import JointSource
from polytask.data.tables.folds import Fold
from polytask.evaluate.metrics import all_predictions
from polytask.evaluate.skill import ConstantReference
from polytask.fitting.class_weights import weighted_task
from polytask.fitting.drawn_source import DrawnSource
from polytask.fitting.table_preparation import PreparedTable
from polytask.fitting.table_surroundings import Surroundings
from polytask.fitting.task_draws import TaskDraws
from polytask.models.network_stack import weighted_prediction
from polytask.models.table_config import TableConfig
from polytask.models.table_learner import build_table_learner, trained_tasks
from polytask.train import Training, Validation, train

__all__ = ["SplitFits", "fit_splits", "steps_an_epoch"]

_SET_ASIDE = (
    5  # one row in so many is set aside to validate, or for a balancer that learns from held-out examples
)
_BATCH_SIZE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFits:
    """Models of all folds.

    Args:
        members: A model for every fold of every repeat.
        predictions: For each target what they predict for the rows of their folds, ``[row, n_outputs]``,
            averaged over repeats; NaN where a row is in no fold.
        steps: The last step that any of them kept.
        drawn: How often each task of a task column was drawn, int64 ``[task]``; None where none is.
    """

    members: tuple[SharedModel, ...]
    predictions: Mapping[str, Tensor]
    steps: int
    drawn: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Split:
    """The rows of one training.

    Args:
        train: Those that are trained on.
        validation: Those by which it is stopped.
        draws: By which law rows are drawn; None for every row once an epoch.
        weights: How much each row counts where it validates, ``[row]``; None for all alike.
    """

    train: Batch
    validation: Batch
    draws: TaskDraws | None = None
    weights: Tensor | None = None


def fit_splits(
    prepared: PreparedTable,
    names: Sequence[str],
    config: TableConfig,
    *,
    side: str,
    seed: int,
    where: Surroundings,
) -> SplitFits:
    """Train a model of some of the targets for every fold; one name gives the single-target model.

    Args:
        prepared: The table.
        names: The targets.
        config: The model, and how it is trained.
        side: What the trainings are called.
        seed: Decides everything random.
        where: Device, precision, resume folder.
    """
    tasks = [task for task in prepared.tasks if task.name in names]
    members, by_repeat, steps = [], [], 0
    drawn = None if prepared.draws is None else torch.zeros(prepared.draws.n_tasks, dtype=torch.long)
    for repeat, folds in enumerate(prepared.repeats):
        answers = {task.name: torch.full((len(prepared.rows), task.n_outputs), torch.nan) for task in tasks}
        for index, fold in enumerate(folds):
            path = derive_seed(seed, "fold", repeat, index)
            split = _split(prepared, tasks, folds, index, seed=derive_seed(path, "validation"))
            title = f"repeat {repeat + 1} fold {index + 1} {side}"
            learner, outcome, times = train_table_learner(
                split,
                tasks,
                prepared.encoder.n_features,
                config,
                class_weights=prepared.class_weights,
                target_weights=prepared.target_weights,
                seed=path,
                title=title,
                where=where,
            )
            where.rows[where.shown(title)] = [dict(row) for row in outcome.rows]
            members.append(learner.cpu().eval())
            steps = max(steps, outcome.best_step)
            if drawn is not None and times is not None:
                drawn[_places(split.draws, prepared.draws)] += times
            held_out = torch.from_numpy(fold.held_out)
            predicted = all_predictions(learner.adapt(tasks), prepared.rows.rows(held_out))
            for name, values in predicted.items():
                answers[name][held_out] = values.float()
        by_repeat.append(answers)
    averaged = {
        task.name: weighted_prediction(task, torch.stack([answers[task.name] for answers in by_repeat]))
        for task in tasks
    }
    return SplitFits(members=tuple(members), predictions=averaged, steps=steps, drawn=drawn)


def steps_an_epoch(prepared: PreparedTable, tasks: Sequence[Task], config: TableConfig, *, seed: int) -> int:
    """Return how many steps the first fold takes to go through its training rows once.

    Raises:
        DataError: A target has too few labels there.
    """
    split = _split(prepared, tasks, prepared.repeats[0], 0, seed=derive_seed(seed, "validation"))
    batch_size = config.batch_size or _BATCH_SIZE
    return JointSource(trained_tasks(tasks, config), split.train, batch_size=batch_size, seed=seed).n_steps


def _split(
    prepared: PreparedTable, tasks: Sequence[Task], folds: Sequence[Fold], index: int, *, seed: int
) -> _Split:
    """Take the next fold out of the training rows to validate; the latest rows where folds go with time."""
    train = folds[index].train
    if prepared.times is not None:
        order = train[np.argsort(prepared.times[train], kind="stable")]
        aside = order[len(order) - max(1, len(order) // _SET_ASIDE) :]
    else:
        aside = np.intersect1d(train, folds[(index + 1) % len(folds)].held_out)
    rest = np.setdiff1d(train, aside)
    names = [task.name for task in tasks]
    rows = prepared.rows
    parts = [_labelled(rows, torch.from_numpy(part), names) for part in (rest, aside)]
    labels = [rows.rows(part).n_labels(name) for part in parts for name in names]
    if len(parts[0]) < len(parts[1]) or not all(labels):
        everything = _labelled(rows, torch.from_numpy(train), names)
        sides = _set_aside(rows.rows(everything), tasks, "to judge when to stop", seed=seed)
        parts = [everything[side] for side in sides]
    draws, weights = prepared.draws, prepared.weights
    return _Split(
        train=rows.rows(parts[0]).only(names),
        validation=rows.rows(parts[1]).only(names),
        draws=None if draws is None else draws.only(parts[0]),
        weights=None if weights is None else weights[parts[1]],
    )


def train_table_learner(
    split: _Split,
    tasks: Sequence[Task],
    n_features: int,
    config: TableConfig,
    *,
    class_weights: Mapping[str, Sequence[float]] = MappingProxyType({}),
    target_weights: Mapping[str, float] = MappingProxyType({}),
    seed: int,
    title: str,
    where: Surroundings,
) -> tuple[SharedModel, Training, Tensor | None]:
    """Train one model; also return how often each task was drawn, int64 ``[task]``, None where none is.

    Early stopping maximizes the mean skill over the tasks on the validation rows: how much of the constant
    predictor's loss is gone (see `ConstantReference`). A balancer that learns from held-out examples gets a
    part of the training rows for it, so that nothing but the choice of the epoch looks at the
    validation rows. The learner has 32-bit weights afterwards, whatever the precision of the training.
    """
    names = [task.name for task in tasks]
    balancer = balancer_by_name(config.balancing if len(tasks) > 1 else "equal", names)
    if target_weights and len(tasks) > 1:
        balancer = FixedWeights({name: target_weights.get(name, 1.0) for name in names})
    rows, held_out, draws = split.train, split.validation, split.draws
    batch_size = config.batch_size or _BATCH_SIZE
    with seeded(seed, "initialization"):
        learner = build_table_learner(tasks, n_features, config)
    _check_rows(learner, config, n_rows=len(rows), batch_size=batch_size)
    weighted = [
        weighted_task(task, class_weights[task.name]) if task.name in class_weights else task
        for task in tasks
    ]
    asked = trained_tasks(weighted, config)
    steered_by = None
    if balancer.needs == "validation":
        purpose = f"for `balancing` {config.balancing!r} to judge by"
        kept, aside = _set_aside(rows, tasks, purpose, seed=derive_seed(seed, "set aside"))
        steered_by = JointSource(
            asked, rows.rows(aside), batch_size=batch_size, seed=derive_seed(seed, "held out")
        )
        rows, draws = rows.rows(kept), None if draws is None else draws.only(kept)
    source: JointSource
    if draws is None:
        source = JointSource(asked, rows, batch_size=batch_size, seed=derive_seed(seed, "order"))
    else:
        source = DrawnSource(asked, rows, draws, batch_size=batch_size, seed=derive_seed(seed, "draws"))
    outcome = train(
        learner,
        source,
        n_steps=config.epochs * source.n_steps,
        balancer=balancer,
        validation_source=steered_by,
        optimizer=lambda p: AdamW(p, lr=config.learning_rate, weight_decay=config.weight_decay),
        max_norm=5.0,
        validate=_validation(tasks, rows, held_out, split.weights),
        validate_every=source.n_steps,
        patience=config.patience,
        directory=where.folder(title),
        resume=where.resume_folder is not None,
        accelerator=where.accelerator,
        precision=where.checked_precision,
        seed=derive_seed(seed, "training"),
        progress=where.progress,
        title=where.shown(title),
        identity=where.identity,
        deadline=where.deadline,
    )
    drawn = None
    if isinstance(source, DrawnSource) and split.draws is not None:
        drawn = torch.zeros(split.draws.n_tasks, dtype=torch.long)
        drawn[_places(source.draws, split.draws)] = source.drawn(outcome.n_steps)
    return learner.float(), outcome, drawn


def _places(part: TaskDraws | None, whole: TaskDraws | None) -> Tensor:
    """Return which tasks of the whole those of a part of its rows are, long ``[task]``."""
    assert part is not None and whole is not None  # noqa: S101 - the whole has draws, and so its part
    return torch.searchsorted(whole.numbers, part.numbers)


def _check_rows(learner: Learner, config: TableConfig, *, n_rows: int, batch_size: int) -> None:
    """Refuse steps of a single row where rows are normalized together."""
    normalizes = any(isinstance(module, nn.BatchNorm1d) for module in learner.modules())
    if normalizes and min(n_rows, batch_size) < 2:
        raise DataError(
            f"`architecture` {config.architecture!r} normalizes over the rows of a step and needs two or "
            f"more, but there are {n_rows} training rows and `batch_size` is {batch_size}. Raise it, "
            "label more rows, or choose another `architecture`."
        )


def _validation(
    tasks: Sequence[Task], rows: Batch, held_out: Batch, weights: Tensor | None = None
) -> Callable[[Learner], Validation]:
    """Judge by a proper score: accuracy would choose an epoch that never names a rare class."""
    reference = ConstantReference(tasks, rows, held_out)

    def validate(trained: Learner) -> Validation:
        first = next(trained.parameters())
        rows = held_out.to(first.device, first.dtype)
        skills = reference.skills(all_predictions(trained.adapt(tasks), rows), weights)
        score = sum(skills.values()) / len(skills) if skills else math.nan
        return Validation(score=score, metrics={f"{name}/skill": value for name, value in skills.items()})

    return validate


def _set_aside(rows: Batch, tasks: Sequence[Task], purpose: str, *, seed: int) -> tuple[Tensor, Tensor]:
    """Split off a fifth of the training rows, such that every task has a label on both sides.

    Returns:
        Which rows stay, and which are set aside, long ``[row]``.

    Raises:
        DataError: A task has one label alone.
    """
    order = torch.randperm(len(rows), generator=generator(seed))
    aside = torch.zeros(len(rows), dtype=torch.bool)
    aside[order[: max(2, len(rows) // _SET_ASIDE)]] = True
    judged: set[int] = set()  # rows that must be set aside
    trained: set[int] = set()  # rows that must not
    for task in tasks:
        labelled = order[rows.labelled(task.name)[order]].tolist()
        for ours, theirs, places in ((judged, trained, labelled), (trained, judged, labelled[::-1])):
            if not ours.intersection(places):
                ours.update([row for row in places if row not in theirs][:1])
        if not (judged.intersection(labelled) and trained.intersection(labelled)):
            raise DataError(
                f"{task.name!r} has {counted(len(labelled), 'label')} among the training rows of a fold, but "
                f"some are needed to train on and others {purpose}. Label more rows, or leave the target out."
            )
    aside[list(judged)], aside[list(trained)] = True, False
    return (~aside).nonzero()[:, 0], aside.nonzero()[:, 0]


def _labelled(data: Batch, rows: Tensor, names: Sequence[str]) -> Tensor:
    """Keep of some rows ``[row]`` those with a label of any of the tasks."""
    return rows[torch.stack([data.masks[name][rows] for name in names]).any(0)]
