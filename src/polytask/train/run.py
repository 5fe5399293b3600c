"""The state of a training run: everything that a resumed run needs."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from polytask.balancing import Balance, BalancedBackward, Balancer
from polytask.core import BundleError, Learner, derive_seed
from polytask.data import Feedback
from polytask.train.checkpoint import load_checkpoint, save_checkpoint
from polytask.train.history import History
from polytask.train.validation import Validation

__all__ = ["Run"]

_FILE = "checkpoint.pt"


@dataclass(slots=True, kw_only=True)
class Run:
    """Where a run stands.

    Args:
        learner: What is trained.
        balancer: Its balancer, whose state is part of the run.
        backward: The balanced step, which keeps the engine that it chose.
        optimizer: Its optimizer.
        history: The rows logged so far.
        folder: Where the checkpoint lives; None for none.
        seed: The run's seed.
        writes: Whether this process saves the checkpoint; others only read it.
        feedback: The source, if it learns from training.
    """

    learner: Learner
    balancer: Balancer
    backward: BalancedBackward
    optimizer: Optimizer
    history: History
    folder: Path | None
    seed: int
    writes: bool = True
    feedback: Feedback | None = None
    step: int = 0
    best_step: int = 0
    best_score: float | None = None
    stale: int = 0
    skipped: int = 0
    absent: dict[str, int] = field(default_factory=dict)
    last_losses: dict[str, float] = field(default_factory=dict)
    rates: list[float] = field(init=False)
    _best: dict[str, Tensor] = field(default_factory=dict)
    _sums: dict[str, float] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _weights: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rates = [group["lr"] for group in self.optimizer.param_groups]

    def seed_step(self, *part: int) -> None:
        """Make the draws of this step, or of a part of it, depend on the seed and the step alone."""
        torch.manual_seed(derive_seed(self.seed, "step", self.step, *part))

    def seed_balancing(self) -> None:
        """Make the balancer's draws independent of how many the forward pass took, equal on all processes."""
        torch.manual_seed(derive_seed(self.seed, "balancing", self.step))

    def exhausted(self, patience: int | None) -> bool:
        """Tell whether validation has not improved for too long."""
        return patience is not None and self.stale >= patience

    def count_absent(self, names: Iterable[str]) -> None:
        """Count the tasks that had no label in a step."""
        for name in names:
            self.absent[name] = self.absent.get(name, 0) + 1

    def note(self, balance: Balance) -> None:
        """Remember the figures of a step for the next row."""
        figures = {f"loss/{name}": value for name, value in balance.losses.items()}
        figures |= {f"norm/{name}": value for name, value in balance.norms().items()}
        figures |= {f"cosine/{pair}": value for pair, value in balance.pairs().items()}
        if (conflicts := balance.conflict_share()) is not None:
            figures["conflict"] = conflicts
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1
        self._weights = balance.weights

    def record(self, validation: Validation | None) -> None:
        """Log a row, keep the best weights, and save a checkpoint."""
        figures = {name: total / self._counts[name] for name, total in self._sums.items()}
        self.last_losses = {
            name.removeprefix("loss/"): value for name, value in figures.items() if name.startswith("loss/")
        }
        figures |= {f"weight/{name}": value for name, value in self._weights.items()}
        self._sums, self._counts = {}, {}
        if validation is not None:
            figures |= {f"validation/{name}": value for name, value in validation.figures.items()}
            figures["score"] = validation.score
            better = self.best_score is None or validation.score > self.best_score
            if better and not math.isnan(validation.score):
                self.best_score, self.best_step, self.stale = validation.score, self.step, 0
                self._best = {k: v.detach().clone() for k, v in self.learner.state_dict().items()}
            else:
                self.stale += 1
        self.history.add(self.step, figures)
        self.history.write()
        if self.folder is not None and self.writes:
            save_checkpoint(self.folder / _FILE, self._state())

    def restore_best(self) -> None:
        """Give the learner the weights of the best validation."""
        if self._best:
            self.learner.load_state_dict(self._best)

    def restore(self) -> None:
        """Continue from the checkpoint, if there is one.

        Raises:
            BundleError: It is damaged, or was made by another learner, balancer or seed.
        """
        if self.folder is None or not (self.folder / _FILE).exists():
            return
        state = load_checkpoint(self.folder / _FILE)
        if state["seed"] != self.seed:
            raise BundleError(
                f"The checkpoint in {self.folder} was made with seed {state['seed']}, not {self.seed}."
            )
        try:
            self.learner.load_state_dict(state["learner"])
            self.balancer.load_state_dict(state["balancer"])
            self.backward.load_state_dict(state["backward"])
            self.optimizer.load_state_dict(state["optimizer"])
            self._restore_source(state.get("source"))
        except (RuntimeError, ValueError, KeyError) as error:
            raise BundleError(
                f"The checkpoint in {self.folder} belongs to another model ({error}). Use another directory."
            ) from error
        for name in ("step", "best_step", "best_score", "stale", "skipped", "absent"):
            setattr(self, name, state[name])
        self._best = state["best"]
        self.history.restore(state["rows"])

    def _restore_source(self, state: dict[str, Any] | None) -> None:
        if (state is None) != (self.feedback is None):
            raise ValueError("one of them has a source that learns from training, and the other has not")
        if self.feedback is not None and state is not None:
            self.feedback.load_state_dict(state)

    def _state(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "learner": self.learner.state_dict(),
            "balancer": self.balancer.state_dict(),
            "backward": self.backward.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "source": None if self.feedback is None else self.feedback.state_dict(),
            "best": self._best,
            "rows": self.history.rows,
            **{
                k: getattr(self, k) for k in ("step", "best_step", "best_score", "stale", "skipped", "absent")
            },
        }
