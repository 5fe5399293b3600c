"""The state of a training run: everything that a resumed run needs."""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from polytask.balancing import BalancedBackward, Balancer
from polytask.balancing.step.balance import Balance
from polytask.core import Episode, Learner
from polytask.core.errors import NotFiniteError
from polytask.core.interrupts import CHECKPOINT_FILE
from polytask.core.learner import Execution
from polytask.core.names import counted
from polytask.core.random import seed_generators
from polytask.data import Curriculum, Source
from polytask.train.checkpoint import load_checkpoint, save_checkpoint
from polytask.train.history import History
from polytask.train.identity import Identity, described, refuse_another, refused
from polytask.train.resume import Stateful, load_parts, problems
from polytask.train.validation import Validation

__all__ = ["Run"]

_PLAIN = ("step", "best_step", "best_score", "stale", "longest_stale", "skipped", "absent")


@dataclass(slots=True, kw_only=True)
class Run:
    """Where a run stands.

    Args:
        learner: What is trained.
        balancer: Its balancer, whose state is part of the run.
        backward: The balanced step, which keeps the engine that it chose.
        optimizer: Its optimizer.
        source: Where its steps come from; the state of a curriculum is part of the run.
        history: The rows logged so far.
        folder: Where the checkpoint lives; None for none.
        seed: The run's seed.
        identity: What must be the same when the run goes on; see `polytask.train.identity`.
        schedule: A factor on the initial learning rates by step.
        execution: Runs the episodes of a step; what it chose is part of the run. None for a learner without.
        writes: Whether this process saves the checkpoint; others only read it.
    """

    learner: Learner
    balancer: Balancer
    backward: BalancedBackward
    optimizer: Optimizer
    source: Source | Curriculum
    history: History
    folder: Path | None
    seed: int
    identity: Identity = field(default_factory=dict)
    schedule: Callable[[int], float] | None = None
    execution: Execution | None = None
    writes: bool = True
    step: int = 0
    best_step: int = 0
    best_score: float | None = None
    stale: int = 0
    longest_stale: int = 0
    skipped: int = 0
    absent: dict[str, int] = field(default_factory=dict)
    last_losses: dict[str, float] = field(default_factory=dict)
    drawn: Sequence[Episode] = ()
    rates: list[float] = field(init=False)
    _best: dict[str, Tensor] = field(default_factory=dict)
    _sums: dict[str, float] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _weights: dict[str, float] = field(default_factory=dict)
    _undefined: dict[str, None] = field(default_factory=dict)
    _watched: list[str] = field(init=False)
    _drawn_before: tuple[int, str] | None = None

    def __post_init__(self) -> None:
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self._watched = [
            name
            for name, buffer in self.learner.named_buffers()
            if buffer.is_floating_point() and bool(buffer.isfinite().all())
        ]

    @property
    def parts(self) -> dict[str, Stateful]:
        """What has a state of its own, by its name in the checkpoint."""
        parts: dict[str, Stateful] = {
            "learner": self.learner,
            "balancer": self.balancer,
            "backward": self.backward,
            "optimizer": self.optimizer,
        }
        if isinstance(self.source, Curriculum):
            parts["source"] = self.source
        if isinstance(self.execution, Stateful):
            parts["execution"] = self.execution
        return parts

    def seed_step(self, *part: int) -> None:
        """Make the draws of this step, or of a part of it, depend on the seed and the step alone."""
        seed_generators(self.seed, "step", self.step, *part)

    def seed_balancing(self) -> None:
        """Make the balancer's draws independent of how many the forward pass took, equal on all processes."""
        seed_generators(self.seed, "balancing", self.step)

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
        self._weights = dict(balance.weights)

    def record(self, validation: Validation | None) -> None:
        """Log a row, and keep the best weights."""
        figures = {name: total / self._counts[name] for name, total in self._sums.items()}
        self.last_losses = {
            name.removeprefix("loss/"): value for name, value in figures.items() if name.startswith("loss/")
        }
        figures |= {f"weight/{name}": value for name, value in self._weights.items()}
        self._sums, self._counts = {}, {}
        if validation is not None:
            figures |= {f"validation/{name}": float(value) for name, value in validation.metrics.items()}
            figures["score"] = float(validation.score)
            self._judge(figures)
        self.history.add(self.step, figures)
        self.history.write()

    def _judge(self, figures: Mapping[str, float]) -> None:
        score = figures["score"]
        self.longest_stale = max(self.longest_stale, self.stale)  # before this validation
        if math.isfinite(score) and (self.best_score is None or score > self.best_score):
            self.best_score, self.best_step, self.stale = score, self.step, 0
            self._best = {name: tensor.detach().clone() for name, tensor in self.learner.state_dict().items()}
            return
        self.stale += 1
        self._undefined |= dict.fromkeys(
            name.removeprefix("validation/")
            for name, value in figures.items()
            if name.startswith("validation/") and not math.isfinite(value)
        )

    def check_finite(self) -> None:
        """Refuse to go on with weights that are NaN or infinite.

        Raises:
            NotFiniteError: Some are; the last update may have made them so.
        """
        buffers = dict(self.learner.named_buffers())
        tensors = {
            **dict(self.learner.named_parameters()),
            **{name: buffers[name] for name in self._watched if name in buffers},
            **{f"the balancer's {name}": p for name, p in self.balancer.named_parameters()},
        }
        bad = [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]
        if bad:
            shown = ", ".join(bad[:3]) + (" …" if len(bad) > 3 else "")
            raise NotFiniteError(
                f"Training has diverged: after step {self.step - 1} the weights {shown} are not finite.",
                "Lower the learning rate, or set `max_norm`.",
            )

    def restore_best(self) -> None:
        """Give the learner the weights of the best validation.

        Raises:
            NotFiniteError: No validation gave a number.
        """
        if not self._best:
            figures = ", ".join(self._undefined)
            raise NotFiniteError(
                "No validation gave a score that is a finite number"
                + (f": {figures} were none." if figures else "."),
                "Lower the learning rate if the training has diverged, or give the validation examples for "
                "which its figures are defined.",
            )
        self.learner.load_state_dict(self._best)

    def save(self) -> None:
        """Save a checkpoint, if there is a folder for it."""
        if self.folder is not None and self.writes:
            save_checkpoint(self.folder / CHECKPOINT_FILE, self._state())

    def restore(self, *, n_steps: int, patience: int | None) -> None:
        """Continue from the checkpoint, if there is one; nothing is taken over from one that does not fit.

        Args:
            n_steps: The steps of this run; they may be more than those of the run that was interrupted.
            patience: Its patience, which may be more, too.

        Raises:
            BundleError: It is damaged, or belongs to a run of other data, settings or learner.
        """
        if self.folder is None or not (self.folder / CHECKPOINT_FILE).exists():
            return
        state = load_checkpoint(self.folder / CHECKPOINT_FILE)
        refuse_another(self.folder, state.get("identity"), self.identity)
        if wrong := problems(state, self.learner):
            raise refused(self.folder, "its checkpoint is damaged: " + "; ".join(wrong))
        if differing := self._changed(state, n_steps, patience):
            raise refused(self.folder, "it holds another run: " + "; ".join(differing))
        try:
            load_parts(self.parts, state)
        except ValueError as error:
            raise refused(self.folder, f"its checkpoint is damaged: {error}") from error
        for name in _PLAIN:
            setattr(self, name, state[name])
        self._best, self._sums, self._counts = state["best"], state["sums"], state["counts"]
        self._weights, self._drawn_before = state["weights"], state["drawn"]
        self.history.restore(state["rows"])

    def _changed(self, state: Mapping[str, Any], n_steps: int, patience: int | None) -> list[str]:
        """Say what would have made the steps that are done different ones, besides the identity."""
        found = []
        if state["step"] > n_steps:
            found.append(f"`n_steps` is {n_steps}, but {counted(state['step'], 'step is', 'steps are')} done")
        if patience is not None and state["longest_stale"] >= patience:
            found.append(
                f"`patience` is {patience}, but "
                f"{counted(state['longest_stale'], 'validation was', 'validations in a row were')} no better"
            )
        for index, factor in state["schedule"].items():
            present = _factor(self.schedule, index)
            if present != factor:
                found.append(f"`schedule` gave {factor} at step {index}, gives {present}")
        if state["drawn"] is not None and not isinstance(self.source, Curriculum):
            index, text = state["drawn"]
            if text != _told(self.source.step(index)):
                found.append(f"`source` gives other examples at step {index}")
        return found

    def _state(self) -> dict[str, Any]:
        return {
            "identity": dict(self.identity),
            **{name: part.state_dict() for name, part in self.parts.items()},
            **{name: getattr(self, name) for name in _PLAIN},
            "best": self._best,
            "rows": self.history.rows,
            "sums": self._sums,
            "counts": self._counts,
            "weights": self._weights,
            "schedule": {
                index: _factor(self.schedule, index) for index in {0, self.step // 2, self.step - 1}
            },
            "drawn": (self.step - 1, _told(self.drawn)) if self.drawn else None,
        }


def _factor(schedule: Callable[[int], float] | None, index: int) -> float | None:
    return None if schedule is None else float(schedule(index))


def _told(episodes: Sequence[Episode]) -> str:
    """Return a text that is the same for the same step."""
    content = json.dumps(described("step", list(episodes)))
    return hashlib.sha256(content.encode()).hexdigest()
