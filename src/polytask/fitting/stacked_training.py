"""The state of networks of all folds that are trained at once, each target until held-out rows say stop.

A step is one batch of matrices for all networks. They do not touch each other: each has its own rows, order,
dropout and optimizer state. `Stopping` decides where each target stops.
"""

import copy
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import AdamW

from polytask.core import Batch, Task, seeded
from polytask.core.errors import NotFiniteError
from polytask.core.random import seed_generators
from polytask.fitting.embedded_rows import EmbeddedRows
from polytask.fitting.placed_bins import placed_bins
from polytask.fitting.rows_in_pieces import RowsInPieces
from polytask.fitting.stacked_losses import StackedLosses, start_at_constants
from polytask.fitting.stacked_plan import Members, NetworkForm, StackStart
from polytask.fitting.stacked_result import StackedFit, kept_ensemble, kept_stages
from polytask.fitting.stacked_stopping import Stopping
from polytask.fitting.table_folds import MANY_ROWS
from polytask.fitting.table_preparation import LargeRows
from polytask.fitting.target_curriculum import curriculum_shares
from polytask.fitting.task_draws import TaskDraws
from polytask.fitting.training_rows import STEPS_AN_EPOCH, TrainingRows
from polytask.models.network_stack import NetworkStack, StackedEnsemble
from polytask.models.stack_plan import StackPlan
from polytask.models.table_config import TableConfig
from polytask.train.update import Update

__all__ = ["StackedTraining", "most_epochs"]

_LEAST_PATIENCE = 5
_EPOCHS_OF_MANY = 12
_STEPS_BETWEEN_LOOKS = 20  # at the clock, where an epoch is long


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
        self.bins = (
            placed_bins(cast(Tensor, rows.inputs), binned, form, n_rows=self.n_rows, large=large is not None)
            if start is None
            else copy.deepcopy(start.embedding)  # weights of a file are nobody else's
        )
        how: dict[str, Any] = {"losses": losses, "seed": seed, "device": self.device, "dtype": self.dtype}
        self.rows: TrainingRows = (
            EmbeddedRows(rows, members, self.bins, config, draws=draws, **how)
            if large is None
            else RowsInPieces(large, rows, members, self.bins, config, **how)
        )
        self.own = losses.own
        self.stack = self._built_stack(rows, weights, start)
        self.optimizer = self._built_optimizer()
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

    def _built_stack(self, rows: Batch, weights: Tensor | None, start: StackStart | None) -> NetworkStack:
        """Draw the weights of the networks, or take those of a start."""
        with seeded(self.seed, "initialization"):
            stack = NetworkStack(
                self.tasks,
                self.bins.n_outputs,
                n_networks=len(self.members.folds),
                width=self.form.width,
                depth=self.form.depth,
                dropout=self.form.dropout,
            )
        if self.own is not None:  # after all weights are drawn, so that the draws do not hang on it
            self.own.cut(stack)
        if start is None:
            folds, learns = self.members.folds, self.members.learns
            start_at_constants(stack, self.tasks, rows, folds, weights, learns=learns, own=self.own)
        else:
            stack.load_state_dict(dict(start.weights))
        return stack.to(self.device, self.dtype)

    def _built_optimizer(self) -> AdamW:
        decay = self.config.weight_decay * self.form.decay
        return AdamW(
            [
                {"params": list(self.stack.weights), "weight_decay": decay},
                {"params": list(self.stack.biases), "weight_decay": 0.0},
            ],
            lr=self.config.learning_rate,
            fused=self.dtype != torch.bfloat16,
        )

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
        plan = StackPlan(
            n_networks=len(self.members.folds),
            width=self.form.width,
            depth=self.form.depth,
            n_bins=self.bins.n_bins,
            stages=kept_stages(epochs, self.steps),
        )
        weights = [self.stopping.weights[epoch] for epoch in sorted(set(epochs.values()))]
        return kept_ensemble(self.tasks, plan, self.bins, weights, seed=self.seed)


def _diverged(epoch: int, where: str) -> NotFiniteError:
    return NotFiniteError(
        f"Training has diverged: after epoch {epoch} the loss {where} is not finite.",
        "Lower the learning rate.",
    )


def most_epochs(config: TableConfig, n_rows: int) -> int:
    """Return how many epochs there are at most: many rows need few."""
    return config.epochs if n_rows <= MANY_ROWS else min(config.epochs, _EPOCHS_OF_MANY)
