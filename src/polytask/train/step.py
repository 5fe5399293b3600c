"""One optimization step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from lightning_fabric import Fabric

from polytask.balancing import AfterStep, Balance, BalancedBackward, Balancer
from polytask.core import Episode, Learner, Objectives, TrainingError
from polytask.data import Source
from polytask.train.parts import part_of
from polytask.train.run import Run

__all__ = ["Step"]


@dataclass(slots=True, kw_only=True)
class Step:
    """Draws a step, computes its objectives, balances them and updates the learner; see `train`."""

    fabric: Fabric
    learner: Learner
    balancer: Balancer
    backward: BalancedBackward
    run: Run
    schedule: Callable[[int], float] | None
    max_norm: float | None
    not_finite: str
    validation_source: Source | None
    dtype: torch.dtype = field(init=False)

    def __post_init__(self) -> None:
        self.dtype = next((p.dtype for p in self.learner.parameters()), torch.float32)

    def __call__(self, source: Source) -> None:
        """Do the step that the run stands before."""
        run = self.run
        run.seed_step()
        episodes = self._own(source)
        objectives = self._objectives(episodes)
        if self._usable(objectives):
            run.optimizer.zero_grad(set_to_none=True)
            run.seed_balancing()
            balance = self._balanced(objectives, source, episodes)
            if balance is not None:
                run.count_absent(name for name in objectives.absent if name not in balance.losses)
                run.note(balance)
                self._update()
                if isinstance(self.balancer, AfterStep):
                    self._look_again(self.balancer, balance, episodes)
        else:
            run.count_absent(objectives.absent)
            run.skipped += 1
        run.step += 1

    def _own(self, source: Source, *, half: int | None = None) -> list[Episode]:
        processes = self.backward.processes
        part = part_of(source.step(self.run.step), processes.rank, processes.size, half=half)
        return [episode.to(self.fabric.device, self.dtype) for episode in part]

    def _objectives(self, episodes: Sequence[Episode]) -> Objectives:
        with self.fabric.autocast():
            return self.learner.objectives(episodes)

    def _balanced(
        self, objectives: Objectives, source: Source, episodes: Sequence[Episode]
    ) -> Balance | None:
        """Return what was decided; None where a gradient was not finite and the step is left out."""

        def halves() -> tuple[Objectives, Objectives]:
            first, second = (self._objectives(self._own(source, half=half)) for half in range(2))
            return first, second

        held_out = self.validation_source
        try:
            balance = self.backward(
                objectives,
                halves=halves if self.balancer.needs == "cross" else None,
                validation=None if held_out is None else lambda: self._objectives(self._own(held_out)),
            )
        except TrainingError as error:
            if self.not_finite != "skip" or "not finite" not in str(error):
                raise
            self.run.skipped += 1
            return None
        if self._gradients_finite():
            return balance
        if self.not_finite == "stop":
            raise TrainingError(self._explained(self._guilty(episodes), "gradient"))
        self.run.skipped += 1
        return None

    def _gradients_finite(self) -> bool:
        norms = [
            parameter.grad.detach().norm()
            for group in self.run.optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        return not norms or bool(torch.stack([norm.double() for norm in norms]).isfinite().all())

    def _guilty(self, episodes: Sequence[Episode]) -> list[str]:
        """Name the objectives whose gradient is not finite, by running them again one by one."""
        objectives = self._objectives(episodes)
        parameters = [p for p in self.learner.parameters() if p.requires_grad]
        guilty = []
        for name, value in zip(objectives.names, objectives.values):
            gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
            if not all(bool(gradient.isfinite().all()) for gradient in gradients if gradient is not None):
                guilty.append(name)
        return guilty or ["the balanced sum"]

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

    def _look_again(self, balancer: AfterStep, balance: Balance, episodes: Sequence[Episode]) -> None:
        names = tuple(balance.losses)
        with torch.no_grad():
            balancer.after_step(names, self.backward.losses(self._objectives(episodes)))

    def _usable(self, objectives: Objectives) -> bool:
        """Tell whether any process has a label and all values are finite."""
        finite = objectives.values.detach().isfinite()
        counts = torch.stack([torch.tensor(float(len(objectives))), (~finite).sum().float().cpu()])
        n_objectives, n_bad = self.backward.processes.sum(counts.to(self.fabric.device)).tolist()
        if n_bad and self.not_finite == "stop":
            bad = [name for name, good in zip(objectives.names, finite.tolist()) if not good]
            raise TrainingError(self._explained(bad or ["another process"], "objective"))
        return n_objectives > 0 and not n_bad

    def _explained(self, names: Sequence[str], what: str) -> str:
        return (
            f"The {what} of {', '.join(names)} is not finite at step {self.run.step}. Lower the learning "
            "rate, set `max_norm`, or pass `not_finite='skip'` to leave such steps out."
        )
