"""Train the networks of all folds at once, from the first epoch to the model; a killed training goes on."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from polytask.core import Batch, Task
from polytask.core.random import own_random_state
from polytask.fitting.own_targets import OwnTargets
from polytask.fitting.stacked_losses import StackedLosses
from polytask.fitting.stacked_plan import Members, NetworkForm, StackStart
from polytask.fitting.stacked_result import StackedFit
from polytask.fitting.stacked_training import StackedTraining
from polytask.fitting.table_preparation import LargeRows
from polytask.fitting.task_draws import TaskDraws
from polytask.models.table_config import TableConfig
from polytask.train.checkpoint import load_checkpoint, save_checkpoint
from polytask.train.identity import Identity, described_all, refuse_another
from polytask.version import __version__

__all__ = ["fit_stack"]

_SECONDS_BETWEEN_CHECKPOINTS = 10.0


def fit_stack(
    tasks: Sequence[Task],
    rows: Batch,
    members: Members,
    form: NetworkForm,
    config: TableConfig,
    *,
    binned: Sequence[int] = (),
    weights: Tensor | None = None,
    class_weights: Mapping[str, Sequence[float]] = MappingProxyType({}),
    target_weights: Mapping[str, float] = MappingProxyType({}),
    curriculum: str | None = None,
    draws: TaskDraws | None = None,
    units: Tensor | None = None,
    large: LargeRows | None = None,
    start: StackStart | None = None,
    seed: int,
    device: torch.device | str = "cpu",
    precision: str = "32-true",
    checkpoint: Path | None = None,
    identity: Mapping[str, object] | None = None,
    deadline: float | None = None,
    tell: Callable[[int, Mapping[str, float]], None] | None = None,
) -> StackedFit:
    """Train networks for the rows of a table.

    Args:
        tasks: The targets.
        rows: Labelled rows; inputs ``[row, feature]``.
        members: The networks.
        form: What they look like.
        config: How they are trained.
        binned: Features that are also encoded piecewise linearly.
        weights: How much each row counts, ``[row]``; None for all alike. Where rows are drawn, that is when
            they judge.
        class_weights: By target, how much each class counts.
        target_weights: How much targets count beside each other; 1 where not named.
        curriculum: How that changes from epoch to epoch; see `polytask.fitting.target_curriculum`.
        draws: By which law rows are drawn, where not every row is trained on once an epoch.
        units: By which rows are left out when the step is chosen that they are judged by, see `Stopping`.
        large: The rows that are trained on, where ``rows`` are a sample of them that judges; None for
            ``rows`` themselves.
        start: Where networks start; None for new ones.
        seed: Decides initialization, order and dropout.
        device: Where they are trained; the model is on the CPU afterwards.
        precision: As in `polytask.train.train`; the model has 32 bits afterwards.
        checkpoint: A file from which a killed training continues; None for none.
        identity: Data and settings that a checkpoint must have been made with.
        deadline: In the time of `time.monotonic`: stop there with what is best so far.
        tell: Called after every epoch with its index and the mean losses on held-out rows.

    Raises:
        NotFiniteError: The loss is no finite number.
    """
    training = StackedTraining(
        tasks,
        rows,
        members,
        form,
        config,
        binned=binned,
        losses=StackedLosses(
            tasks,
            rows,
            weights,
            torch.device(device),
            class_weights=class_weights,
            target_weights=target_weights,
            own=OwnTargets.where_fewer(tasks, members.learns, device),
            drawn=draws is not None,
        ),
        weights=weights,
        curriculum=curriculum,
        draws=draws,
        units=units,
        large=large,
        start=start,
        seed=seed,
        device=device,
        precision=precision,
    )
    seen = {"form": form, "seed": seed, "polytask": __version__, "torch": torch.__version__.partition("+")[0]}
    present = {"given": described_all(identity or {}), "seen": described_all(seen)}
    with own_random_state():
        _train(training, checkpoint, present, deadline, tell)
    return training.result()


def _train(
    training: StackedTraining,
    checkpoint: Path | None,
    present: Identity,
    deadline: float | None,
    tell: Callable[[int, Mapping[str, float]], None] | None,
) -> None:
    """Do the epochs that are left; ``present`` says of which training the checkpoint is."""
    first = 0
    if checkpoint is not None and checkpoint.exists():
        state = load_checkpoint(checkpoint)
        refuse_another(checkpoint.parent, state.get("identity"), present)
        training.load_state_dict(state)
        first = training.n_done
    saved = time.monotonic()
    for epoch in range(first, training.n_epochs):
        if training.finished():
            break
        training.train_epoch(epoch, deadline)
        losses = training.judge(epoch)
        if tell is not None:
            tell(epoch, losses)
        now = time.monotonic()
        if checkpoint is not None and now - saved > _SECONDS_BETWEEN_CHECKPOINTS:
            save_checkpoint(checkpoint, {"identity": present, **training.state_dict()})
            saved = now
        if deadline is not None and now > deadline:
            break
    if checkpoint is not None and training.n_done > first:
        save_checkpoint(checkpoint, {"identity": present, **training.state_dict()})
