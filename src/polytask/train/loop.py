"""The training loop, for every learner, source and balancer."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn
from torch.optim import Adam, Optimizer

from polytask.balancing import BalancedBackward, Balancer
from polytask.balancing.engines import Engine
from polytask.balancing.engines.by_name import EngineName
from polytask.balancing.methods import EqualWeights
from polytask.core import InputError, Learner, seeded
from polytask.core.defaults import usual_defaults
from polytask.core.files import rehearse_write, sweep, user_path
from polytask.core.interrupts import CHECKPOINT_FILE, interruptible
from polytask.core.learner import Execution
from polytask.core.modes import evaluating
from polytask.core.settings import SettingsCheck
from polytask.data import Curriculum, Source
from polytask.execution import ExecutionName
from polytask.execution.named import execution_for
from polytask.train.alike import check_alike, start_alike
from polytask.train.fabric import Precision, fabric_for
from polytask.train.history import METRICS_FILE, History, Row
from polytask.train.identity import run_identity
from polytask.train.loggers import checked_loggers
from polytask.train.progress import TrainingBar
from polytask.train.run import Run
from polytask.train.step import Step
from polytask.train.validation import Validation
from polytask.version import __version__

if TYPE_CHECKING:
    from lightning_fabric.loggers.logger import Logger

__all__ = ["Training", "train"]

_AGAIN = "call `train` again with the same `directory` and `resume=True`"
_KEEP = "`directory` and `resume=True`"
_FUSED = ("cpu", "cuda")
"""Devices on which Adam updates all tensors in one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The outcome of a training run; the learner itself was trained in place.

    Args:
        n_steps: Steps done.
        stopped_early: Whether validation stopped improving, or the time was over, before the last step.
        best_step: The step whose weights the learner has now; the last one without validation.
        best_score: Its validation score; None without validation.
        rows: The logged figures.
        skipped: Steps without update: no label at all, or a value that was not finite.
        absent: By task, steps in which it had no label.
        seconds_per_step: What a step cost on average, without validation; NaN where none was left to do.
    """

    n_steps: int
    stopped_early: bool
    best_step: int
    best_score: float | None
    rows: list[Row]
    skipped: int
    absent: dict[str, int]
    seconds_per_step: float


def train(
    learner: Learner,
    source: Source | Curriculum,
    *,
    n_steps: int,
    balancer: Balancer | None = None,
    optimizer: Callable[[list[nn.Parameter]], Optimizer] | None = None,
    schedule: Callable[[int], float] | None = None,
    max_norm: float | None = None,
    accumulate: int = 1,
    validate: Callable[[Learner], Validation] | None = None,
    validate_every: int = 100,
    patience: int | None = None,
    directory: str | Path | None = None,
    resume: bool = False,
    not_finite: Literal["stop", "skip"] = "stop",
    tensorboard: bool = False,
    logger: "Logger | Sequence[Logger] | None" = None,
    engine: EngineName | Engine = "auto",
    execution: ExecutionName | Execution = "auto",
    validation_source: Source | None = None,
    accelerator: str = "cpu",
    devices: int = 1,
    nodes: int = 1,
    precision: Precision = "32-true",
    seed: int = 0,
    progress: bool = False,
    title: str = "training",
    identity: Mapping[str, object] | None = None,
    deadline: float | None = None,
) -> Training:
    """Train a learner in place.

    With the same seed on CPU a run is identical to the bit, also when it was killed and resumed in between,
    and when other threads train at the same time: steps that draw take turns. A checkpoint of other data,
    another learner or other settings is refused. What may change: more steps, patience that would not have
    stopped the run before, and ``devices`` and ``nodes``, which give the same run but for rounding. Two
    choices are made on the first step and kept in the checkpoint: ``execution="auto"`` times how the episodes
    of a learner may be run, which rounds differently, so name one where a second run has to be the same to
    the bit; and a Jacobian of more than half of the memory that is free is cut into blocks.

    Args:
        learner: What is trained, all of it in training mode: a part that shall not be, such as the batch
            normalization of a frozen trunk, has a ``train`` of its own that says so.
        source: Where steps come from; a `polytask.data.Curriculum` is told the losses of every step and is
            part of the checkpoint.
        n_steps: How many.
        balancer: Makes one update of several objectives; equal weights by default.
        optimizer: Builds the optimizer from the parameters; by default Adam with rate 1e-3, in torch's
            fused form, which rounds differently from the usual one.
        schedule: A factor on the initial learning rates by step.
        max_norm: Clip the gradient to this norm.
        accumulate: Work on each step in so many parts, one after the other, and update once: for steps that
            do not fit into memory. The update is that of the whole step, whatever the balancer; batch
            normalization sees the rows of a part. See `polytask.balancing.BalancedBackward.accumulated`.
        validate: Judges the learner in evaluation mode, without gradients; the best weights are kept.
        validate_every: Steps between validations, and between checkpoints.
        patience: Stop after so many validations without a better score.
        directory: Where ``metrics.csv`` and the checkpoint go; None writes nothing.
        resume: Continue from the directory's checkpoint if there is one. At SIGINT and SIGTERM the run says
            what is kept.
        not_finite: Whether an objective that is not finite stops the run or skips the step.
        tensorboard: Also log to TensorBoard.
        logger: One or several of Lightning Fabric (CSV, TensorBoard, MLflow, Weights & Biases, your own): the
            figures of every row go there, too, by the step, and before the first one the settings. One that
            fails during the run is told of in a `UserWarning` and left alone.
        engine: How the Gramian of the gradients is computed, for balancers that look at it.
        execution: How the episodes of a step are run, by a learner that learns from support; a name or an
            execution of `polytask.execution`, see `named_execution` there. Its choice is part of the
            checkpoint.
        validation_source: Steps of validation examples, for balancers that learn from them.
        accelerator: As in Lightning Fabric: ``"cpu"``, ``"cuda"``, ``"mps"``, ``"auto"``.
        devices: Processes on this machine that share every step, each with its part of the rows or episodes;
            the update is that of one process on the whole step. Fabric starts them, by running the script
            once for each, unless ``torchrun`` has. Batch normalization sees the rows of its own process.
        nodes: Machines with so many processes each. The script is started on each of them, by ``torchrun`` or
            with the variables ``NODE_RANK``, ``MASTER_ADDR`` and ``MASTER_PORT``; ``directory`` has to be on
            a disk that all of them see.
        precision: As in Lightning Fabric. 16-bit floats with loss scaling are not supported: weights from
            gradients need unscaled ones; use ``"bf16-mixed"``.
        seed: Governs dropout and everything else that draws during training.
        progress: Show a bar with the loss of every task.
        title: Names the bar.
        identity: What else decides the run and must be the same when it is resumed, by name: the fingerprint
            of data that ``source`` does not hold, settings of ``validate`` ….
        deadline: In the time of `time.monotonic`: the run stops after the step in which it passes, one at
            least. Of one process alone, as several would stop at different steps.

    Returns:
        What happened.

    Raises:
        InputError: An argument does not fit.
        NotFiniteError: An objective is not finite, and ``not_finite`` is ``"stop"``; or weights are not, or
            no score of a validation was.
        TrainingError: The optimizer failed, or another process is gone.
        BundleError: The checkpoint to resume from is damaged, or belongs to another run.
    """
    _check(n_steps, validate_every, patience, validate, precision, accumulate, accelerator)
    if deadline is not None and (devices, nodes) != (1, 1):
        raise InputError(f"`deadline` needs one process, got {devices} x {nodes}.")
    folder = None if directory is None else user_path(directory)
    loggers = checked_loggers(logger)
    with usual_defaults(), interruptible(folder, again=_AGAIN, keep=_KEEP):
        fabric = fabric_for(accelerator, devices, precision, nodes=nodes)
        # Not `setup_module`: its wrapper would average gradients that the balanced step has joined already.
        fabric.strategy.precision.convert_module(learner).to(fabric.device)
        balancer = (balancer or EqualWeights()).to(fabric.device)
        start_alike(learner, balancer)
        parameters = [p for module in (learner, balancer) for p in module.parameters() if p.requires_grad]
        if not parameters:
            raise InputError(
                f"Nothing of {type(learner).__name__} can be trained: it has no parameter that "
                "requires a gradient. Call `requires_grad_()` on the parts to train."
            )
        run_episodes = execution_for(learner, execution)
        built = optimizer(parameters) if optimizer else _adam(parameters)
        backward = BalancedBackward(learner, balancer, engine=engine)
        # A Fabric knows its own rank only where it has started the processes itself.
        first = backward.processes.rank == 0
        if folder is not None and first:
            _rehearse(folder)
        history = History(
            folder if first else None, tensorboard=tensorboard and first, loggers=loggers if first else ()
        )
        run = Run(
            learner=learner, balancer=balancer, backward=backward, optimizer=built, source=source,
            history=history, folder=folder, seed=seed, schedule=schedule, writes=first,
            execution=run_episodes,
        )  # fmt: skip
        if folder is not None:
            settings = {
                "seed": seed, "source": source, "validation_source": validation_source, "balancer": balancer,
                "optimizer": built, "engine": engine, "execution": execution, "accumulate": accumulate,
                "max_norm": max_norm, "validate": validate is not None, "validate_every": validate_every,
                "not_finite": not_finite, "precision": precision, "accelerator": fabric.device.type,
                "polytask": __version__, "torch": torch.__version__.partition("+")[0],
            }  # fmt: skip
            run.identity = run_identity(identity or {}, settings, learner)
        history.describe(
            {
                "learner": type(learner).__name__, "balancer": type(balancer).__name__,
                "optimizer": type(built).__name__, "n_steps": n_steps, "accumulate": accumulate,
                "precision": precision, "accelerator": fabric.device.type, "seed": seed,
                "polytask": __version__,
            }
        )  # fmt: skip
        if resume:
            run.restore(n_steps=n_steps, patience=patience)
            check_alike(backward.processes.gather(run.step), folder)
        step = Step(
            fabric=fabric, learner=learner, balancer=balancer, backward=backward, run=run, max_norm=max_norm,
            not_finite=not_finite, validation_source=validation_source, accumulate=accumulate,
        )  # fmt: skip
        with TrainingBar(n_steps, title=title, shown=progress and first) as bar:
            seconds = _steps(
                step, source, bar, validate, every=validate_every, n_steps=n_steps, patience=patience,
                deadline=deadline,
            )  # fmt: skip
        stopped_early = run.step < n_steps
        if validate is not None:
            run.restore_best()
        if not backward.processes.single:
            backward.processes.gather(None)  # nobody leaves while another still has to write or read
    return Training(
        n_steps=run.step,
        stopped_early=stopped_early,
        best_step=run.best_step if validate is not None else run.step,
        best_score=run.best_score,
        rows=history.rows,
        skipped=run.skipped,
        absent=run.absent,
        seconds_per_step=sum(seconds) / len(seconds) if seconds else math.nan,
    )


def _steps(
    step: Step,
    source: Source | Curriculum,
    bar: TrainingBar,
    validate: Callable[[Learner], Validation] | None,
    *,
    every: int,
    n_steps: int,
    patience: int | None,
    deadline: float | None,
) -> list[float]:
    """Do the steps that are left; return the seconds that each took."""
    run, seconds = step.run, []

    def record() -> None:
        run.record(_validated(step, validate))
        bar.show(run.last_losses, run.best_score)

    step.learner.train()
    done = False
    try:
        while run.step < n_steps and not run.exhausted(patience):
            begun = time.perf_counter()
            step(source)
            seconds.append(time.perf_counter() - begun)
            bar.advance(run.step)
            if run.step % every == 0:
                run.check_finite()
                record()
                run.save()
            if deadline is not None and time.monotonic() > deadline:
                break
        if run.step % every:
            # A longer run would not have looked here: what is saved is the run before it was looked at.
            run.check_finite()
            run.save()
            record()
        done = True
    finally:
        run.history.close(done=done)
        step.backward.close()
        step.learner.eval()
    return seconds


def _adam(parameters: list[nn.Parameter]) -> Optimizer:
    """Return the usual optimizer; updating a small network is one call, where it would take ten a tensor."""
    fused = all(each.device.type in _FUSED and each.is_floating_point() for each in parameters)
    return Adam(parameters, lr=1e-3, fused=fused)


def _rehearse(folder: Path) -> None:
    """Refuse a folder that cannot be written, and remove what killed runs left in it."""
    for name in (CHECKPOINT_FILE, METRICS_FILE):
        rehearse_write(folder / name)
    sweep(folder)


def _validated(step: Step, validate: Callable[[Learner], Validation] | None) -> Validation | None:
    if validate is None:
        return None
    with evaluating(step.learner), torch.no_grad(), seeded(step.run.seed, "validation", step.run.step):
        outcome = validate(step.learner)
    # Batch statistics may differ: the first process decides for all.
    return step.backward.processes.gather(outcome)[0]


def _check(
    n_steps: int,
    validate_every: int,
    patience: int | None,
    validate: object,
    precision: str,
    accumulate: int,
    accelerator: str,
) -> None:
    check = SettingsCheck()
    check.whole("n_steps", n_steps, least=1)
    check.whole("accumulate", accumulate, least=1)
    check.whole("validate_every", validate_every, least=1)
    if patience is not None:
        check.whole("patience", patience, least=1)
        if validate is None:
            check.problems.append("`patience` needs `validate`")
    check.precision("precision", precision)
    check.accelerator("accelerator", accelerator)
    check.done()
