"""The training loop, for every learner, source and balancer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from polytask.balancing import BalancedBackward, Balancer, EqualWeights
from polytask.core import InputError, Learner, TrainingError
from polytask.data import Source
from polytask.train.history import History, Row
from polytask.train.progress import TrainingBar
from polytask.train.run import Run
from polytask.train.validation import Validation

__all__ = ["Training", "train"]

Precision = Literal["32-true", "64-true", "bf16-mixed", "bf16-true"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The outcome of a training run; the learner itself was trained in place.

    Args:
        n_steps: Steps done.
        stopped_early: Whether validation stopped improving before the last step.
        best_step: The step whose weights the learner has now; the last one without validation.
        best_score: Its validation score; None without validation.
        rows: The logged figures.
        skipped: Steps without update: no label at all, or a value that was not finite.
        absent: By task, steps in which it had no label.
    """

    n_steps: int
    stopped_early: bool
    best_step: int
    best_score: float | None
    rows: list[Row]
    skipped: int
    absent: dict[str, int]


def train(
    learner: Learner,
    source: Source,
    *,
    n_steps: int,
    balancer: Balancer | None = None,
    optimizer: Callable[[list[nn.Parameter]], Optimizer] | None = None,
    schedule: Callable[[int], float] | None = None,
    max_norm: float | None = None,
    validate: Callable[[Learner], Validation] | None = None,
    validate_every: int = 100,
    patience: int | None = None,
    directory: str | Path | None = None,
    resume: bool = False,
    not_finite: Literal["stop", "skip"] = "stop",
    tensorboard: bool = False,
    accelerator: str = "cpu",
    precision: Precision = "32-true",
    seed: int = 0,
    progress: bool = False,
    title: str = "training",
) -> Training:
    """Train a learner in place.

    With the same seed on CPU a run is identical to the bit, also when it was killed and resumed in between.

    Args:
        learner: What is trained.
        source: Where steps come from.
        n_steps: How many.
        balancer: Makes one update of several objectives; equal weights by default.
        optimizer: Builds the optimizer from the parameters; Adam with rate 1e-3 by default.
        schedule: A factor on the initial learning rates by step.
        max_norm: Clip the gradient to this norm.
        validate: Judges the learner in evaluation mode, without gradients; the best weights are kept.
        validate_every: Steps between validations, and between checkpoints.
        patience: Stop after so many validations without a better score.
        directory: Where ``metrics.csv`` and the checkpoint go; None writes nothing.
        resume: Continue from the directory's checkpoint if there is one.
        not_finite: Whether an objective that is not finite stops the run or skips the step.
        tensorboard: Also log to TensorBoard.
        accelerator: As in Lightning Fabric: ``"cpu"``, ``"cuda"``, ``"mps"``, ``"auto"``.
        precision: As in Lightning Fabric. 16-bit floats with loss scaling are not supported: weights from
            gradients need unscaled ones; use ``"bf16-mixed"``.
        seed: Governs dropout and everything else that draws during training.
        progress: Show a bar with the loss of every task.
        title: Names the bar.

    Returns:
        What happened.

    Raises:
        InputError: An argument does not fit.
        TrainingError: An objective is not finite, and ``not_finite`` is ``"stop"``.
        BundleError: The checkpoint to resume from is damaged or belongs to another learner.
    """
    _check(n_steps, validate_every, patience, validate, precision)
    fabric = Fabric(accelerator=accelerator, devices=1, precision=precision)
    fabric.setup_module(learner)  # moves and casts in place; the wrapper itself is not needed on one device
    balancer = (balancer or EqualWeights()).to(fabric.device)
    parameters = [p for module in (learner, balancer) for p in module.parameters() if p.requires_grad]
    built = optimizer(parameters) if optimizer else Adam(parameters, lr=1e-3)
    folder = None if directory is None else Path(directory)
    history = History(folder, tensorboard=tensorboard)
    run = Run(learner=learner, balancer=balancer, optimizer=built, history=history, folder=folder, seed=seed)
    if resume:
        run.restore()
    step = _Step(fabric, learner, BalancedBackward(learner, balancer), run, schedule, max_norm, not_finite)
    learner.train()
    try:
        with TrainingBar(n_steps, title=title, shown=progress) as bar, torch.random.fork_rng():
            while run.step < n_steps and not run.exhausted(patience):
                step(source)
                bar.advance(run.step)
                if run.step % validate_every == 0 or run.step == n_steps:
                    run.record(_validated(learner, validate))
                    bar.show(run.last_losses, run.best_score)
    finally:
        history.close()
        learner.eval()
    stopped_early = run.step < n_steps
    if validate is not None:
        run.restore_best()
    return Training(
        n_steps=run.step,
        stopped_early=stopped_early,
        best_step=run.best_step if validate is not None else run.step,
        best_score=run.best_score,
        rows=history.rows,
        skipped=run.skipped,
        absent=run.absent,
    )


class _Step:
    """One optimization step."""

    def __init__(
        self,
        fabric: Fabric,
        learner: Learner,
        backward: BalancedBackward,
        run: Run,
        schedule: Callable[[int], float] | None,
        max_norm: float | None,
        not_finite: str,
    ) -> None:
        self.fabric, self.learner, self.backward, self.run = fabric, learner, backward, run
        self.schedule, self.max_norm, self.not_finite = schedule, max_norm, not_finite
        self.dtype = next((p.dtype for p in learner.parameters()), torch.float32)

    def __call__(self, source: Source) -> None:
        run = self.run
        run.seed_step()
        episodes = [episode.to(self.fabric.device, self.dtype) for episode in source.step(run.step)]
        with self.fabric.autocast():
            objectives = self.learner.objectives(episodes)
        finite = self._finite(objectives.names, objectives.values)
        run.count(objectives, skipped=not (len(objectives) and finite))
        if len(objectives) and finite:
            run.optimizer.zero_grad(set_to_none=True)
            run.note(objectives, self.backward(objectives))
            self._update()
        run.step += 1

    def _update(self) -> None:
        run = self.run
        if self.max_norm is not None:
            torch.nn.utils.clip_grad_norm_(
                [p for group in run.optimizer.param_groups for p in group["params"]], self.max_norm
            )
        if self.schedule is not None:
            factor = self.schedule(run.step)
            for group, rate in zip(run.optimizer.param_groups, run.rates, strict=True):
                group["lr"] = rate * factor
        run.optimizer.step()

    def _finite(self, names: tuple[str, ...], values: Tensor) -> bool:
        finite = values.detach().isfinite()
        if bool(finite.all()):
            return True
        if self.not_finite == "stop":
            bad = ", ".join(name for name, good in zip(names, finite.tolist()) if not good)
            raise TrainingError(
                f"The objective of {bad} is not finite at step {self.run.step}. Lower the learning rate, set "
                "`max_norm`, or pass `not_finite='skip'` to leave such steps out."
            )
        return False


def _validated(learner: Learner, validate: Callable[[Learner], Validation] | None) -> Validation | None:
    if validate is None:
        return None
    learner.eval()
    with torch.no_grad():
        outcome = validate(learner)
    learner.train()
    return outcome


def _check(n_steps: int, validate_every: int, patience: int | None, validate: object, precision: str) -> None:
    problems = []
    if n_steps < 1:
        problems.append(f"`n_steps` must be at least 1, got {n_steps}")
    if validate_every < 1:
        problems.append(f"`validate_every` must be at least 1, got {validate_every}")
    if patience is not None and (patience < 1 or validate is None):
        problems.append("`patience` must be at least 1 and needs `validate`")
    if precision not in ("32-true", "64-true", "bf16-mixed", "bf16-true"):
        problems.append(
            f"`precision` {precision!r} is not supported; use 32-true, 64-true, bf16-mixed or bf16-true"
        )
    if problems:
        raise InputError("; ".join(problems) + ".")
