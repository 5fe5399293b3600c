"""Train the networks of all folds at once, and stop each target where rows that were held out say.

A step is one batch of matrices for all networks. They do not touch each other: each has its own rows, order,
dropout and optimizer state. `Stopping` decides where each target stops.
"""

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import AdamW

from polytask.core import Batch, Task, seeded
from polytask.core.errors import NotFiniteError
from polytask.core.random import own_random_state, seed_generators
from polytask.fitting.embedded_rows import EmbeddedRows
from polytask.fitting.own_targets import OwnTargets
from polytask.fitting.rows_in_pieces import RowsInPieces
from polytask.fitting.stacked_losses import StackedLosses, start_at_constants
from polytask.fitting.stacked_plan import Members, NetworkForm, StackStart
from polytask.fitting.stacked_stopping import Stopping
from polytask.fitting.table_folds import MANY_ROWS
from polytask.fitting.table_preparation import LargeRows
from polytask.fitting.target_curriculum import curriculum_shares
from polytask.fitting.task_draws import TaskDraws
from polytask.fitting.training_rows import STEPS_AN_EPOCH, TrainingRows
from polytask.models.network_stack import NetworkStack, StackedEnsemble
from polytask.models.number_bins import NumberBins
from polytask.models.stack_plan import StackPlan, Stage
from polytask.models.table_config import TableConfig
from polytask.train.checkpoint import load_checkpoint, save_checkpoint
from polytask.train.identity import described_all, refuse_another
from polytask.train.update import Update
from polytask.version import __version__

__all__ = ["StackedFit", "StackedTraining", "fit_stack", "most_epochs"]

_SECONDS_BETWEEN_CHECKPOINTS = 10.0
_LEAST_PATIENCE = 5
_EPOCHS_OF_MANY = 12
_MOST_BINS, _MOST_BINS_OF_MANY = 768, 192  # of all columns together, unless two for each are more
_STEPS_BETWEEN_LOOKS = 20  # at the clock, where an epoch is long
_BINNED_ROWS = 2**16  # of a large table, at whose quantiles bins are placed


@dataclass(frozen=True, slots=True, kw_only=True)
class StackedFit:
    """What was trained.

    Args:
        model: The average of the networks, each target with the weights of the step that it keeps; None where
            the targets have a model each.
        predictions: For each target what the networks predict for rows that they were not trained on, float32
            ``[row, n_outputs]``, averaged over repeats; NaN where no network was judged by a row.
        steps: The step that each target keeps.
        losses: For each target the mean loss on held-out rows by epoch.
        n_parameters: Of all networks together.
        drawn: How often each task of a task column was drawn, int64 ``[task]``; None where none is.
    """

    model: StackedEnsemble | None
    predictions: Mapping[str, Tensor]
    steps: Mapping[str, int]
    losses: Mapping[str, list[float]]
    n_parameters: int
    drawn: Tensor | None = None


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
    return training.result()


class StackedTraining:
    """The state of a training."""

    def __init__(
        self,
        tasks: Sequence[Task],
        rows: Batch,
        members: Members,
        form: NetworkForm,
        config: TableConfig,
        *,
        binned: Sequence[int],
        losses: StackedLosses,
        weights: Tensor | None,
        curriculum: str | None = None,
        draws: TaskDraws | None = None,
        units: Tensor | None = None,
        large: LargeRows | None = None,
        start: StackStart | None = None,
        seed: int,
        device: torch.device | str,
        precision: str,
    ) -> None:
        self.tasks, self.members, self.form = tuple(tasks), members, form
        self.config, self.seed, self.curriculum = config, seed, curriculum
        self.device = torch.device(device)
        self.half = precision == "bf16-mixed"
        self.dtype = {"64-true": torch.float64, "bf16-true": torch.bfloat16}.get(precision, torch.float32)
        self.n_rows, self.n_judging = len(rows) if large is None else len(large.rows), len(rows)
        looked_at = cast(Tensor, rows.inputs)[: None if large is None else _BINNED_ROWS]
        self.bins = (
            NumberBins.fit(
                looked_at, binned if form.bins else (), most=_bins(len(binned), self.n_rows, form.bins)
            )
            if start is None
            else copy.deepcopy(start.embedding)  # weights of a file are nobody else's
        )
        how: dict[str, Any] = {"losses": losses, "seed": seed, "device": self.device, "dtype": self.dtype}
        self.rows: TrainingRows = (
            EmbeddedRows(rows, members, self.bins, config, draws=draws, **how)
            if large is None
            else RowsInPieces(large, rows, members, self.bins, config, **how)
        )
        with seeded(seed, "initialization"):
            self.stack = NetworkStack(
                tasks,
                self.bins.n_outputs,
                n_networks=len(members.folds),
                width=form.width,
                depth=form.depth,
                dropout=form.dropout,
            )
        self.own = losses.own
        if self.own is not None:  # after all weights are drawn, so that the draws do not hang on it
            self.own.cut(self.stack)
        if start is None:
            start_at_constants(
                self.stack, tasks, rows, members.folds, weights, learns=members.learns, own=self.own
            )
        else:
            self.stack.load_state_dict(dict(start.weights))
        self.stack.to(self.device, self.dtype)
        self.optimizer = AdamW(
            [
                {"params": list(self.stack.weights), "weight_decay": config.weight_decay * form.decay},
                {"params": list(self.stack.biases), "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            fused=self.dtype != torch.bfloat16,
        )
        self._update = Update(self.optimizer)
        self.parameters = tuple(self.stack.parameters())
        self.n_steps = self.rows.n_steps
        self.open = self._of_own(members.learns)
        self.curve: list[Tensor] = []
        self.task_curve: list[Tensor] = []
        self.row_tasks: Tensor | None = None
        if draws is not None and draws.follows:
            self.row_tasks = draws.task.to(self.device)
        self.steps: list[int] = []  # done at the end of each epoch
        held_out, judged = self.rows.held_out, self.rows.judged
        counts = self._wide(self.rows.losses.counts(held_out, judged)).cpu() * members.learns
        self.n_judged = counts.sum(0).double().clamp(min=1e-12)
        self.stopping = Stopping(tasks, members, held_out, judged, self.n_judged, own=self.own, units=units)

    def train_epoch(self, epoch: int, deadline: float | None = None) -> None:
        """Go once through the training rows of the networks, or a part of them where they are very many."""
        self.stack.train()
        seed_generators(self.seed, "dropout", epoch)
        self.rows.start_epoch(epoch, self.task_curve)
        if self.curriculum is not None and self.curve:
            self.rows.losses.follow(curriculum_shares(self.curriculum, self.curve))
        loss, step = torch.zeros(()), 0
        for step in range(self.n_steps):
            if self._many:  # few epochs, along which the learning rate falls to 0
                done = (epoch * self.n_steps + step) / (self.n_epochs * self.n_steps)
                for group in self.optimizer.param_groups:
                    group["lr"] = self.config.learning_rate * (1 - done)
            loss = self.step(step)
            looks = deadline is not None and self.rows.in_pieces and step % _STEPS_BETWEEN_LOOKS == 0
            if looks and time.monotonic() > cast(float, deadline):
                break
        self.steps = [*self.steps[:epoch], step + 1 + (self.steps[epoch - 1] if epoch else 0)]
        if not bool(loss.isfinite()):  # also of networks that no row judges
            raise _diverged(epoch, "in training")

    def step(self, index: int) -> Tensor:
        """Update the networks on the rows of a step of the epoch; return the summed loss."""
        loss = self.rows.loss(self.run(self.rows.batch(index)), self.open).sum()
        for parameter in self.parameters:  # as `zero_grad`, without its hooks
            parameter.grad = None
        loss.backward()
        self._update()
        return loss

    def judge(self, epoch: int) -> dict[str, float]:
        """Look at the held-out rows, and keep what is best; return the mean losses by target."""
        self.stack.eval()
        with torch.no_grad():
            outputs, rows = self.held_out_outputs(), self.rows
            losses = rows.losses.of_judged(outputs, rows.held_out, rows.judged)
            sums = self._wide(losses.sum(1)).cpu().double()
        if not bool(sums.isfinite().all()):
            raise _diverged(epoch, "on held-out rows")
        self.stopping.look(epoch, sums, losses, outputs, self.stack.state_dict)
        if self.row_tasks is not None:
            with torch.no_grad():
                total, count = rows.losses.by_task(outputs, rows.held_out, rows.judged, self.row_tasks)
            self.task_curve.append((total / count.clamp(min=1e-12)).cpu())
        means = torch.where(self.members.learns, sums, 0.0).sum(0) / self.n_judged
        self.curve.append(means)
        return {task.name: float(mean) for task, mean in zip(self.tasks, means, strict=True)}

    @property
    def n_parameters(self) -> list[int]:
        """How many parameters each network has."""
        if self.own is not None:
            return self.own.n_parameters(self.stack)
        return [sum(values[0].numel() for values in self.stack.parameters())] * self.stack.n_networks

    @property
    def n_epochs(self) -> int:
        """How many epochs there are at most."""
        return most_epochs(self.config, self.n_rows)

    @property
    def _many(self) -> bool:
        return self.n_rows > MANY_ROWS or self.rows.in_pieces

    @property
    def _patience(self) -> int:
        """Epochs without progress after which a target stops: fewer where an epoch has many steps."""
        usual = math.ceil(self.config.patience * STEPS_AN_EPOCH / self.n_steps)
        return min(self.config.patience, max(_LEAST_PATIENCE, usual))

    @property
    def n_done(self) -> int:
        """How many epochs are done."""
        return len(self.curve)

    def finished(self) -> bool:
        """Tell whether no target has got better for long; those that have not are trained no more."""
        self.open = self._of_own(self.stopping.open(self.n_done, patience=self._patience))
        return not bool(self.open.any())

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next epoch depends on."""
        return {
            "stack": self.stack.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "curve": self.curve,
            "task_curve": self.task_curve,
            "steps": self.steps,
            "stopping": self.stopping.state_dict(),
            **self.rows.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.stack.load_state_dict(state["stack"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.curve = list(state["curve"])
        self.task_curve = list(state["task_curve"])
        self.steps = list(state["steps"])
        self.stopping.load_state_dict(state["stopping"])
        self.rows.load_state_dict(dict(state))

    def run(self, inputs: Tensor) -> Tensor:
        """Run the networks on rows ``[network, row, input]``; losses are taken in 32 bits at least."""
        if self.half:
            with torch.autocast(self.device.type, torch.bfloat16):
                return self.stack(inputs).float()
        outputs = self.stack(inputs)
        return outputs if outputs.dtype == torch.float64 else outputs.float()

    def held_out_outputs(self) -> Tensor:
        """Run the networks on the rows that judge them, ``[network, held-out row, output]``."""
        pieces = [self.run(inputs) for inputs in self.rows.held_out_inputs()]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)

    def result(self) -> StackedFit:
        """Put together what was trained."""
        epochs = self.stopping.epochs()
        return StackedFit(
            model=self._ensemble(epochs) if self.stopping.weights else None,
            predictions=self.stopping.predictions(self.n_judging),
            steps={name: self.steps[epoch] for name, epoch in epochs.items()},
            losses={task.name: [float(row[i]) for row in self.curve] for i, task in enumerate(self.tasks)},
            n_parameters=sum(self.n_parameters),
            drawn=self.rows.drawn,
        )

    def _of_own(self, flags: Tensor) -> Tensor:
        """Turn bool ``[network, target]`` into what losses take."""
        return (flags if self.own is None else self.own.of_targets(flags)).to(self.device)

    def _wide(self, values: Tensor) -> Tensor:
        """Turn what losses return into ``[network, target]``."""
        return values if self.own is None else self.own.spread(values)

    def _ensemble(self, epochs: Mapping[str, int]) -> StackedEnsemble:
        stages = tuple(
            Stage(
                step=self.steps[epoch],
                targets=tuple(task.name for task in self.tasks if epochs[task.name] == epoch),
            )
            for epoch in sorted(set(epochs.values()))
        )
        plan = StackPlan(
            n_networks=len(self.members.folds),
            width=self.form.width,
            depth=self.form.depth,
            n_bins=self.bins.n_bins,
            stages=stages,
        )
        with seeded(self.seed, "ensemble"):
            model = StackedEnsemble(self.tasks, len(self.bins.n_bins), plan)
        model.embedding = self.bins
        for stage, stack, epoch in zip(stages, model.stacks, sorted(set(epochs.values()))):
            cast(NetworkStack, stack).load_part(self.stopping.weights[epoch], self.tasks, stage.targets)
        return model.eval()


def _diverged(epoch: int, where: str) -> NotFiniteError:
    return NotFiniteError(
        f"Training has diverged: after epoch {epoch} the loss {where} is not finite.",
        "Lower the learning rate.",
    )


def most_epochs(config: TableConfig, n_rows: int) -> int:
    """Return how many epochs there are at most: many rows need few."""
    return config.epochs if n_rows <= MANY_ROWS else min(config.epochs, _EPOCHS_OF_MANY)


def _bins(n_columns: int, n_rows: int, most: int) -> int:
    """Return the most bins of a column: few in a wide or long table, so that the first layer stays small."""
    of_all = _MOST_BINS if n_rows <= MANY_ROWS else _MOST_BINS_OF_MANY
    return max(2, min(most, of_all // max(n_columns, 1)))
