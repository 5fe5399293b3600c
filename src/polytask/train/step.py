"""One optimization step."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from lightning_fabric import Fabric

from polytask.balancing import BalancedBackward, Balancer
from polytask.balancing.balancer import check_hooks
from polytask.balancing.step.accumulation import Accumulation
from polytask.balancing.step.balance import Balance
from polytask.balancing.step.parts import Parts
from polytask.core import (
    Episode,
    EpisodeStack,
    EpisodicLearner,
    InputError,
    Learner,
    Objectives,
    TrainingError,
)
from polytask.core.buffers import Buffers, kept_buffers
from polytask.core.errors import NotFiniteError
from polytask.core.random import own_random_state
from polytask.core.torch_internals import AnyBatchNorm
from polytask.data import Curriculum, Source
from polytask.train.parts import part_of
from polytask.train.run import Run
from polytask.train.update import Update

__all__ = ["Step"]


@dataclass(slots=True, kw_only=True)
class Step:
    """Draws a step, computes its objectives, balances them and updates the learner; see `train`."""

    fabric: Fabric
    learner: Learner
    balancer: Balancer
    backward: BalancedBackward
    run: Run
    max_norm: float | None
    not_finite: str
    validation_source: Source | None
    accumulate: int = 1
    dtype: torch.dtype = field(init=False)
    update: Update = field(init=False)

    def __post_init__(self) -> None:
        self.update = Update(self.run.optimizer)
        self.dtype = next((p.dtype for p in self.learner.parameters()), torch.float32)
        check_hooks(self.balancer)

    def __call__(self, source: Source | Curriculum) -> None:
        """Do the step that the run stands before."""
        before = Buffers(self.learner, self.balancer) if self.not_finite == "skip" else None
        skipped = self.run.skipped
        with own_random_state():
            episodes = self._drawn(source)
            losses = self._decide(self._work(episodes), episodes)
        if before is not None and self.run.skipped > skipped:
            before.restore()  # running statistics would never recover from a value that is not finite
        if isinstance(source, Curriculum):
            source.told(self.run.step, losses)
        self.run.step += 1

    def _drawn(self, source: Source | Curriculum) -> Sequence[Episode]:
        """Draw the whole step, as it is on every process."""
        self.run.seed_step()
        step = self.run.step
        drawn = source.next(step) if isinstance(source, Curriculum) else source.step(step)
        if source is self.run.source:
            self.run.drawn = drawn
        return drawn

    def _work(self, drawn: Sequence[Episode], *, half: int | None = None) -> Objectives | Accumulation:
        """Return this process's part of the step, or half of it, as it is worked on: whole or in parts."""
        if self.accumulate == 1:
            if half is None:  # halves go on drawing where the step left off
                self.run.seed_step()
            return self._objectives(self._own(drawn, half=half))

        def part(index: int) -> Objectives:
            self.run.seed_step(index)
            return self._objectives(self._own(drawn, part=index, n_parts=self.accumulate, half=half))

        parts = [partial(part, index) for index in range(self.accumulate)]
        return Accumulation(self.learner, parts, processes=self.backward.processes)

    def _parts(self, drawn: Sequence[Episode]) -> Parts:
        """Return the same to be looked at once more."""
        work = self._work(drawn)
        return self.backward.whole(work) if isinstance(work, Objectives) else work

    def _decide(self, work: Objectives | Accumulation, drawn: Sequence[Episode]) -> Mapping[str, float]:
        """Update the learner, unless the step has no label or a value that is not finite.

        Returns:
            The losses before the update by name; none where there was no update.
        """
        run = self.run
        noted = [work] if isinstance(work, Objectives) else work.noted
        absent = dict.fromkeys(name for part in noted for name in part.absent)
        if not self._usable(noted):
            run.count_absent(absent)
            run.skipped += 1
            return {}
        for group in run.optimizer.param_groups:  # `zero_grad` says so to a profiler, which takes longer
            for parameter in group["params"]:
                parameter.grad = None
        run.seed_balancing()
        balance = self._balanced(work, drawn)
        if balance is None:
            return {}
        run.count_absent(name for name in absent if name not in balance.losses)
        run.note(balance)
        self._update()
        if self.balancer.looks_after:
            with torch.no_grad(), kept_buffers(self.learner):
                self.balancer.after_step(tuple(balance.losses), self._parts(drawn).losses())
        return balance.losses

    def _own(
        self, drawn: Sequence[Episode], *, half: int | None = None, part: int = 0, n_parts: int = 1
    ) -> Sequence[Episode]:
        """Return this process's part of the step; or of its parts one, or its half."""
        processes = self.backward.processes
        own = part_of(drawn, processes.rank * n_parts + part, processes.size * n_parts, half=half)
        if isinstance(own, EpisodeStack):
            return own.to(self.fabric.device, self.dtype)
        return [episode.to(self.fabric.device, self.dtype) for episode in own]

    def _objectives(self, episodes: Sequence[Episode]) -> Objectives:
        try:
            with self.fabric.autocast():
                if isinstance(self.learner, EpisodicLearner):
                    return self.learner.objectives(episodes, execution=self.run.execution)
                return self.learner.objectives(episodes)
        except ValueError as error:
            if self._one_row_is_normalized(episodes):
                raise InputError(
                    f"A step, or a part of it, has a single row, which batch normalization cannot take "
                    f"({error}). Make the steps larger, or lower `accumulate` or `devices`."
                ) from error
            raise

    def _one_row_is_normalized(self, episodes: Sequence[Episode]) -> bool:
        normalizes = any(isinstance(module, AnyBatchNorm) for module in self.learner.modules())
        return normalizes and any(len(episode.query) == 1 for episode in episodes)

    def _held_out(self) -> Callable[[], Objectives] | None:
        source = self.validation_source
        return None if source is None else lambda: self._objectives(self._own(source.step(self.run.step)))

    def _balanced(self, work: Objectives | Accumulation, drawn: Sequence[Episode]) -> Balance | None:
        """Return what was decided; None where a gradient was not finite and the step is left out."""
        cross = self.balancer.needs == "cross"
        halves = (lambda: [self._work(drawn, half=half) for half in range(2)]) if cross else None
        try:
            balance = self.backward.balanced(work, halves=halves, validation=self._held_out())
        except NotFiniteError:
            if self.not_finite != "skip":
                raise
            self.run.skipped += 1
            return None
        if self._gradients_finite():
            return balance
        if self.not_finite == "stop":
            raise self._not_finite(self._guilty(drawn), "gradient")
        self.run.skipped += 1
        return None

    def _gradients_finite(self) -> bool:
        groups = self.run.optimizer.param_groups
        gradients = [p.grad for group in groups for p in group["params"] if p.grad is not None]
        norms = [  # an embedding may have a sparse gradient
            torch.linalg.vector_norm(gradient) if gradient.layout == torch.strided else gradient.norm()
            for gradient in gradients
        ]
        return not norms or all(map(math.isfinite, torch.stack(norms).tolist()))

    def _guilty(self, drawn: Sequence[Episode]) -> list[str]:
        """Name the objectives whose gradient is not finite, one by one."""
        parameters = [p for p in self.learner.parameters() if p.requires_grad]
        guilty: dict[str, None] = {}
        with kept_buffers(self.learner):
            for part, _ in self._parts(drawn).run(last=False):
                for name, value in zip(part.names, part.values):
                    gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
                    if not all(bool(each.isfinite().all()) for each in gradients if each is not None):
                        guilty[name] = None
        return list(guilty) or ["the balanced sum"]

    def _update(self) -> None:
        run = self.run
        if self.max_norm is not None:
            torch.nn.utils.clip_grad_norm_(
                [p for group in run.optimizer.param_groups for p in group["params"]], self.max_norm
            )
        if run.schedule is not None:
            factor = run.schedule(run.step)
            for group, rate in zip(run.optimizer.param_groups, run.rates, strict=True):
                group["lr"] = rate * factor
        try:
            self.update()
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, OverflowError) as error:  # Adam's, with a rate that is no float32
            rates = ", ".join(f"{float(group['lr']):g}" for group in run.optimizer.param_groups)
            raise TrainingError(
                f"The optimizer failed at step {run.step} with the learning rate {rates}: {error}. Lower the "
                "learning rate, or choose another optimizer."
            ) from error

    def _usable(self, objectives: Sequence[Objectives]) -> bool:
        """Tell whether any process has a label and all values are finite."""
        names = [name for part in objectives for name in part.names]
        values = [value for part in objectives for value in part.values.tolist()]
        bad = dict.fromkeys(name for name, value in zip(names, values) if not math.isfinite(value))
        n_objectives, n_bad = len(names), len(bad)
        if self.backward.processes.size > 1:
            counts = torch.tensor([n_objectives, n_bad], dtype=torch.float32, device=self.fabric.device)
            n_objectives, n_bad = self.backward.processes.sum(counts).tolist()
        if n_bad and self.not_finite == "stop":
            raise self._not_finite(list(bad) or ["another process"], "objective")
        return n_objectives > 0 and not n_bad

    def _not_finite(self, names: Sequence[str], what: str) -> NotFiniteError:
        return NotFiniteError(
            f"The {what} of {', '.join(names)} is not finite at step {self.run.step}.",
            "Lower the learning rate, set `max_norm`, or pass `not_finite='skip'` to leave such steps out.",
        )
