"""A deployed meta-learner that learns from the tasks it meets."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Adam, Optimizer

from polytask.core import Batch, Episode, EpisodicLearner, InputError, Predictor, Task, seeded
from polytask.core.learner import Execution
from polytask.execution import ExecutionName, named_execution
from polytask.online.replay import TaskReplay, check_cuttable
from polytask.train.resume import Stateful

__all__ = ["ContinualUpdate", "Observed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What became of one observed task.

    Args:
        before: The objective of the task before anything was learned from it, on an episode cut from its
            examples: what a deployed learner would have shown.
        held_out: The mean objective on held-out tasks before the update, and after; None while there are too
            few of them.
        kept: Whether the update stands. False: it was undone, because held-out tasks got worse by more than
            allowed, or because something was not finite.
    """

    before: float
    held_out: tuple[float, float] | None
    kept: bool


class ContinualUpdate:
    r"""Updates a meta-learner from tasks as they come, with replay of earlier ones.

    Follow the meta-leader: a task that was met joins the memory, and some meta-gradient steps are made on
    episodes cut anew from this task and from replayed ones,

    .. math:: \theta \leftarrow \theta - \eta \nabla \frac{1}{n} \sum_i L_{Q_i}(\phi_i(\theta, S_i))

    Every task in ``held_out_every`` never trains, but guards: an update after which these tasks are answered
    worse by more than ``tolerance`` is undone, and counted; its task is not replayed. `adapt` never changes
    the learner.

    It does not use `polytask.train`: a run has a source of numbered steps and an end, while here each task
    comes once, from outside, and its step may be taken back. The optimizer and what it remembers live on
    from task to task, where each call of `train` begins with a new one.

    Args:
        learner: A trained learner; it is updated in place.
        optimizer: Of the parameters that require a gradient; None means Adam with rate 1e-4.
        capacity: Tasks kept for replay at most, and for the guard a quarter as many.
        n_replayed: Replayed tasks a step, beside the new one.
        n_updates: Steps for each task that is met.
        held_out_every: Each task of this many guards; 0 means that there is no guard.
        tolerance: The relative rise of the mean objective of held-out tasks that is still allowed.
        support_share: Of a task's examples, those from which it is learned.
        execution: How the episodes of a step are run; see `polytask.execution.named_execution`. What was
            measured for ``"auto"`` is part of the state.
        seed: Decides cuts, replay, and dropout.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> from polytask.meta import mlp
        >>> from polytask.meta.initialization import MAML
        >>> update = ContinualUpdate(MAML(mlp([1, 8, 1])), held_out_every=0)
        >>> task = Task(name="y", kind="regression")
        >>> x = torch.linspace(-1, 1, 10).unsqueeze(1)
        >>> update.observe([task], Batch(inputs=x, targets={"y": x[:, 0]})).kept
        True
        >>> len(update.replay), update.n_undone
        (1, 0)

    References:
        Finn, Rajeswaran, Kakade, Levine. Online Meta-Learning. ICML 2019, arXiv:1902.08438, algorithm 1.
        Differs: a bounded reservoir in place of all data, the new task is in every step, and the guard.
    """

    def __init__(
        self,
        learner: EpisodicLearner,
        *,
        optimizer: Callable[[list[nn.Parameter]], Optimizer] | None = None,
        capacity: int = 500,
        n_replayed: int = 4,
        n_updates: int = 1,
        held_out_every: int = 5,
        tolerance: float = 0.05,
        support_share: float = 0.5,
        execution: ExecutionName | Execution = "loop",
        seed: int = 0,
    ) -> None:
        problems = []
        for name, value, least in (
            ("n_replayed", n_replayed, 0),
            ("n_updates", n_updates, 0),
            ("held_out_every", held_out_every, 0),
            ("tolerance", tolerance, 0),
        ):
            if not value >= least:
                problems.append(f"`{name}` must be at least {least}, got {value}")
        parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
        if not parameters:
            problems.append("`learner` has no parameter that could be updated")
        if problems:
            raise InputError("ContinualUpdate: " + "; ".join(problems) + ".")
        self.learner = learner.eval()
        self.execution = named_execution(execution, learner)
        self.optimizer = optimizer(parameters) if optimizer else Adam(parameters, lr=1e-4)
        self.n_replayed = n_replayed
        self.n_updates = n_updates
        self.held_out_every = held_out_every
        self.tolerance = tolerance
        self.seed = seed
        self.replay = TaskReplay(capacity=capacity, support_share=support_share, seed=seed)
        self.guards = TaskReplay(capacity=max(1, capacity // 4), support_share=support_share, seed=seed + 1)
        self.n_observed = 0
        self.n_undone = 0

    def adapt(self, tasks: Sequence[Task], support: Batch) -> Predictor:
        """Learn a task from its support; the learner does not change."""
        return self.learner.adapt(tasks, support)

    def observe(self, tasks: Sequence[Task], examples: Batch) -> Observed:
        """Learn from a task whose labels are known by now.

        Args:
            tasks: What the labels are of.
            examples: Labelled examples: those of the support and, better, others that came later.

        Returns:
            How well the task was answered before, and what became of the update.

        Raises:
            InputError: A task has fewer than two labelled examples, or a class has none.
        """
        check_cuttable(tasks, examples)
        examples = examples.only(task.name for task in tasks)
        before = self._mean([self.replay.cut(tasks, examples, "before", self.n_observed)])
        guards = self.held_out_every > 0 and (self.n_observed + 1) % self.held_out_every == 0
        held_out, kept = None, True
        if guards:
            self.guards.add(tasks, examples)
        else:
            held_out, kept = self._guarded(tasks, examples)
            if kept:  # what did harm once would do so again when it is replayed
                self.replay.add(tasks, examples)
        self.n_observed += 1
        return Observed(before=before, held_out=held_out, kept=kept)

    def state_dict(self) -> dict[str, Any]:
        """Return all that an exact continuation needs: weights, optimizer, memory, execution, counters."""
        return {
            "learner": self.learner.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "replay": self.replay.state_dict(),
            "guards": self.guards.state_dict(),
            "n_observed": self.n_observed,
            "n_undone": self.n_undone,
            "execution": self.execution.state_dict() if isinstance(self.execution, Stateful) else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        for name in ("learner", "optimizer", "replay", "guards"):
            getattr(self, name).load_state_dict(state[name])
        self.n_observed = state["n_observed"]
        self.n_undone = state["n_undone"]
        if isinstance(self.execution, Stateful):
            self.execution.load_state_dict(state["execution"])

    def _guarded(self, tasks: Sequence[Task], examples: Batch) -> tuple[tuple[float, float] | None, bool]:
        """Make the update, and undo it where held-out tasks suffer."""
        judges = [self.guards.episode(place, draw=0) for place in range(len(self.guards))]
        learner_before = copy.deepcopy(self.learner.state_dict())
        optimizer_before = copy.deepcopy(self.optimizer.state_dict())
        was = self._mean(judges) if judges else None
        finite = self._update(tasks, examples)
        now = self._mean(judges) if judges and finite else None
        allowed = finite and (was is None or now is None or now <= was + self.tolerance * abs(was))
        if not allowed:
            self.learner.load_state_dict(learner_before)
            self.optimizer.load_state_dict(optimizer_before)
            self.n_undone += 1
        return (None if was is None or now is None else (was, now)), allowed

    def _update(self, tasks: Sequence[Task], examples: Batch) -> bool:
        """Make the steps; tell whether every objective and gradient was finite."""
        self.learner.train()
        try:
            for step in range(self.n_updates):
                number = self.n_observed * self.n_updates + step
                given = [self.replay.cut(tasks, examples, "new", number)]
                given += self.replay.sample(self.n_replayed, draw=number)
                self.optimizer.zero_grad()
                with seeded(self.seed, "update", number):
                    loss = self.learner.objectives(given, execution=self.execution).values.mean()
                    loss.backward()
                if not self._all_finite(loss):
                    return False
                self.optimizer.step()
        finally:
            self.optimizer.zero_grad()
            self.learner.eval()
        return True

    def _all_finite(self, loss: torch.Tensor) -> bool:
        gradients = [p.grad for p in self.learner.parameters() if p.grad is not None]
        return bool(loss.isfinite()) and all(bool(gradient.isfinite().all()) for gradient in gradients)

    def _mean(self, episodes: Sequence[Episode]) -> float:
        """Return the mean objective of episodes, in evaluation mode."""
        with torch.no_grad(), seeded(self.seed, "judged"):
            return float(self.learner.objectives(episodes, execution=self.execution).values.mean())
