"""Training a copy of a learner, to look at what happens on the way."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.optim import Optimizer

from polytask.core import Episode, InputError, Learner, Objectives, SharedModel, seeded
from polytask.core.buffers import kept_buffers
from polytask.data import Source

__all__ = ["Rehearsal"]


@dataclass(slots=True, kw_only=True)
class Rehearsal:
    """The steps of a source on a copy of a learner, which may be trained on the way.

    It does not use `polytask.train`: whoever iterates looks at the weights before each step, as often as it
    likes and at displaced ones, while `train` keeps its steps to itself. To watch the gradients of a real
    run, `polytask.relate.WatchedBalancer` goes into `train`.

    Args:
        learner: Copied, and never changed; the copy is in training mode.
        source: Where steps come from.
        n_steps: How many.
        optimizer: Builds an optimizer from the copy's parameters, for a plain step on the summed objectives
            after each look; None leaves the weights as they are.
        every: Look at every so-manieth step; all are trained on.
        seed: Governs dropout and the like; a step draws the same however often its objectives are computed.

    Raises:
        InputError: A number is below 1.
    """

    learner: Learner
    source: Source
    n_steps: int
    optimizer: Callable[[list[nn.Parameter]], Optimizer] | None = None
    every: int = 1
    seed: int = 0
    _step: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.n_steps < 1 or self.every < 1:
            raise InputError(
                f"`n_steps` and `every` must be at least 1, got {self.n_steps} and {self.every}."
            )
        self.learner = copy.deepcopy(self.learner).train()

    def __iter__(self) -> Iterator[list[Episode]]:
        """Yield the steps to look at; the copy is trained when the next one is asked for."""
        first = next(self.learner.parameters(), torch.zeros(0))
        trained = [p for p in self.learner.parameters() if p.requires_grad]
        optimizer = None if self.optimizer is None else self.optimizer(trained)
        for step in range(self.n_steps):
            self._step = step
            looked_at = step % self.every == 0
            if optimizer is None and not looked_at:
                continue
            episodes = [each.to(first.device, first.dtype) for each in self.source.step(step)]
            if looked_at:
                yield episodes
            if optimizer is not None:
                self._train(optimizer, episodes)

    def objectives(self, episodes: Sequence[Episode]) -> Objectives:
        """Compute the objectives of the present step at the copy's present weights; its buffers stay.

        Raises:
            InputError: An objective belongs to no task, as those of several episodes of one task do.
        """
        with kept_buffers(self.learner):
            return self._objectives(episodes)

    def _objectives(self, episodes: Sequence[Episode]) -> Objectives:
        with seeded(self.seed, "step", self._step):
            objectives = self.learner.objectives(episodes)
        known = {task.name for episode in episodes for task in episode.tasks}
        strangers = [name for name in objectives.names if name not in known]
        if strangers:
            raise InputError(
                f"Affinities are between tasks, but objective {strangers[0]!r} is none of "
                f"{', '.join(sorted(known))}; give one episode per task in a step."
            )
        return objectives

    def names(self, given: Sequence[str] | None) -> list[str]:
        """Return the tasks to look at: those given, else the model's, else those of the first step."""
        if given is not None:
            return list(given)
        if isinstance(self.learner, SharedModel):
            return [task.name for task in self.learner.tasks]
        return list(dict.fromkeys(task.name for each in self.source.step(0) for task in each.tasks))

    def _train(self, optimizer: Optimizer, episodes: Sequence[Episode]) -> None:
        objectives = self._objectives(episodes)
        if len(objectives):
            optimizer.zero_grad(set_to_none=True)
            objectives.total().backward()
            optimizer.step()
