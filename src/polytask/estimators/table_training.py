"""Training one table model: joint, or one task alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.optim import AdamW

from polytask.balancing import balancer_by_name
from polytask.core import Batch, Learner, SharedModel, derive_seed, seeded
from polytask.data import JointSource
from polytask.estimators.prepare import Prepared
from polytask.estimators.table_config import TableConfig
from polytask.estimators.table_sharing import build_table_learner, trained_tasks
from polytask.evaluate import constant_predictor, delta_m, evaluate, metric_names
from polytask.train import Training, Validation, train

__all__ = ["Surroundings", "train_table_learner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a training runs.

    Args:
        accelerator: As in Lightning Fabric.
        precision: As in `polytask.train.train`.
        checkpoint: A folder for checkpoints, from which a killed run continues; None for none.
        progress: Show a bar.
    """

    accelerator: str = "cpu"
    precision: str = "32-true"
    checkpoint: Path | None = None
    progress: bool = False


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

    Early stopping maximizes Δm on the validation rows over the constant predictor.
    """
    tasks = [task for task in prepared.tasks if task.name in names]
    rows, held_out = _labelled(prepared.train, names), prepared.validation.only(names)
    with seeded(seed, "initialization"):
        learner = build_table_learner(tasks, prepared.encoder.n_features, config)
    asked = trained_tasks(tasks, config)
    source = JointSource(asked, rows, batch_size=config.batch_size, seed=derive_seed(seed, "order"))
    quick = [replace(task, metrics=metric_names(task)[:1]) for task in tasks]  # the compared metric alone
    reference = evaluate(constant_predictor(quick, rows), held_out)

    def validate(trained: Learner) -> Validation:
        device = next(trained.parameters()).device
        metrics = evaluate(trained.adapt(quick), held_out.to(device))
        figures = {f"{name}/{k}": value for name, found in metrics.items() for k, value in found.items()}
        return Validation(score=delta_m(quick, metrics, reference), figures=figures)

    balancer = balancer_by_name(config.balancing if len(tasks) > 1 else "equal", names)
    outcome = train(
        learner,
        source,
        n_steps=config.epochs * source.n_steps,
        balancer=balancer,
        validation_source=JointSource(
            asked, held_out, batch_size=config.batch_size, seed=derive_seed(seed, "held out")
        )
        if balancer.needs == "validation"
        else None,
        optimizer=lambda p: AdamW(p, lr=config.learning_rate, weight_decay=config.weight_decay),
        max_norm=5.0,
        validate=validate,
        validate_every=source.n_steps,
        patience=config.patience,
        directory=None if where.checkpoint is None else where.checkpoint / title.replace("/", "_"),
        resume=where.checkpoint is not None,
        accelerator=where.accelerator,
        precision=where.precision,  # pyright: ignore[reportArgumentType] - `train` checks it
        seed=derive_seed(seed, "training"),
        progress=where.progress,
        title=title,
    )
    return learner, outcome


def _labelled(data: Batch, names: Sequence[str]) -> Batch:
    """Keep the rows with a label of any of the tasks."""
    kept = torch.stack([data.masks[name] for name in names]).any(0)
    return data.only(names).rows(kept)
