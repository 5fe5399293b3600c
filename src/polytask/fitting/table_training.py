"""Training one table model: joint, or one task alone."""

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.optim import AdamW

from polytask.balancing import balancer_by_name
from polytask.core import Batch, DataError, Learner, SharedModel, Task, derive_seed, generator, seeded
from polytask.core.files import rehearse_write, sweep
from polytask.core.interrupts import CHECKPOINT_FILE
from polytask.core.names import counted
from polytask.data import JointSource
from polytask.evaluate.metrics import all_predictions
from polytask.evaluate.skill import ConstantReference
from polytask.fitting.table_preparation import Prepared
from polytask.models.table_config import TableConfig
from polytask.models.table_learner import build_table_learner, trained_tasks
from polytask.train import Training, Validation, train
from polytask.train.checkpoint import load_checkpoint
from polytask.train.identity import described_all, refuse_another

__all__ = ["Surroundings", "rehearse", "train_table_learner"]

_SET_ASIDE = 5  # one row in so many is set aside for a balancer that learns from held-out examples


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a training runs.

    Args:
        accelerator: As in Lightning Fabric.
        precision: As in `polytask.train.train`.
        resume_folder: A folder for checkpoints, from which a killed run continues; None for none.
        progress: Show a bar.
        identity: Data and settings that a checkpoint must have been made with.
    """

    accelerator: str = "cpu"
    precision: str = "32-true"
    resume_folder: Path | None = None
    progress: bool = False
    identity: Mapping[str, object] = field(default_factory=dict)


def train_table_learner(
    prepared: Prepared,
    names: Sequence[str],
    config: TableConfig,
    *,
    seed: int,
    title: str,
    where: Surroundings,
) -> tuple[SharedModel, Training]:
    """Train a model of some of the tasks; one name gives the separate model of that task.

    Early stopping maximizes the mean skill over the tasks on the validation rows: how much of the constant
    predictor's loss is gone (see `ConstantReference`). A balancer that learns from held-out examples gets a
    part of the training rows for it, so that nothing but the choice of the epoch and the seed looks at the
    validation rows. The learner has 32-bit weights afterwards, whatever the precision of the training.
    """
    tasks = [task for task in prepared.tasks if task.name in names]
    balancer = balancer_by_name(config.balancing if len(tasks) > 1 else "equal", names)
    rows, held_out = _labelled(prepared.train, names), prepared.validation.only(names)
    with seeded(seed, "initialization"):
        learner = build_table_learner(tasks, prepared.encoder.n_features, config)
    _check_rows(learner, config, n_rows=len(rows))
    asked = trained_tasks(tasks, config)
    steered_by = None
    if balancer.needs == "validation":
        rows, aside = _set_aside(rows, tasks, config.balancing, seed=derive_seed(seed, "set aside"))
        steered_by = JointSource(
            asked, aside, batch_size=config.batch_size, seed=derive_seed(seed, "held out")
        )
    source = JointSource(asked, rows, batch_size=config.batch_size, seed=derive_seed(seed, "order"))
    outcome = train(
        learner,
        source,
        n_steps=config.epochs * source.n_steps,
        balancer=balancer,
        validation_source=steered_by,
        optimizer=lambda p: AdamW(p, lr=config.learning_rate, weight_decay=config.weight_decay),
        max_norm=5.0,
        validate=_validation(tasks, rows, held_out),
        validate_every=source.n_steps,
        patience=config.patience,
        directory=None if where.resume_folder is None else where.resume_folder / _folder_name(title),
        resume=where.resume_folder is not None,
        accelerator=where.accelerator,
        precision=where.precision,  # pyright: ignore[reportArgumentType] - `train` checks it
        seed=derive_seed(seed, "training"),
        progress=where.progress,
        title=title,
        identity=where.identity,
    )
    return learner.float(), outcome


def _check_rows(learner: Learner, config: TableConfig, *, n_rows: int) -> None:
    """Refuse steps of a single row where rows are normalized together."""
    normalizes = any(isinstance(module, nn.BatchNorm1d) for module in learner.modules())
    if normalizes and min(n_rows, config.batch_size) < 2:
        raise DataError(
            f"`architecture` {config.architecture!r} normalizes over the rows of a step and needs two or "
            f"more, but there are {n_rows} training rows and `batch_size` is {config.batch_size}. Raise it, "
            "label more rows, or choose another `architecture`."
        )


def rehearse(folder: Path, titles: Iterable[str], identity: Mapping[str, object]) -> None:
    """Look through a resume folder before the first training, and sweep what killed ones left.

    Raises:
        InputError: A checkpoint cannot be written.
        BundleError: One is damaged, or belongs to a fit of other data or with other settings.
    """
    sweep(folder)
    for title in titles:
        path = folder / _folder_name(title) / CHECKPOINT_FILE
        rehearse_write(path)
        if path.exists():
            refuse_another(folder, load_checkpoint(path).get("identity"), {"given": described_all(identity)})


def _folder_name(title: str) -> str:
    """Return a folder's name that every system takes, and that no other title has."""
    readable = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40]
    digest = hashlib.sha256(title.encode(errors="surrogatepass")).hexdigest()[:12]
    return f"{readable}-{digest}"


def _validation(tasks: Sequence[Task], rows: Batch, held_out: Batch) -> Callable[[Learner], Validation]:
    """Judge by a proper score: accuracy would choose an epoch that never names a rare class."""
    reference = ConstantReference(tasks, rows, held_out)

    def validate(trained: Learner) -> Validation:
        first = next(trained.parameters())
        rows = held_out.to(first.device, first.dtype)
        skills = reference.skills(all_predictions(trained.adapt(tasks), rows))
        score = sum(skills.values()) / len(skills) if skills else math.nan
        return Validation(score=score, metrics={f"{name}/skill": value for name, value in skills.items()})

    return validate


def _set_aside(rows: Batch, tasks: Sequence[Task], balancing: str, *, seed: int) -> tuple[Batch, Batch]:
    """Split off a fifth of the training rows, such that every task has a label on both sides.

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
                f"{task.name!r} has {counted(len(labelled), 'label')} among the training rows, but "
                f"`balancing` "
                f"{balancing!r} needs some to train on and others to judge by. Label more rows, or choose "
                "another `balancing`."
            )
    aside[list(judged)], aside[list(trained)] = True, False
    return rows.rows(~aside), rows.rows(aside)


def _labelled(data: Batch, names: Sequence[str]) -> Batch:
    """Keep the rows with a label of any of the tasks."""
    kept = torch.stack([data.masks[name] for name in names]).any(0)
    return data.only(names).rows(kept)
