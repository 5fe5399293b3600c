"""The execution that times the others and keeps the fastest one that is right."""

import copy
import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from polytask.core import Episode, EpisodeStack, EpisodicLearner, InputError
from polytask.core.errors import first_line
from polytask.core.learner import Execution
from polytask.core.memory_budget import free_bytes
from polytask.execution.groups import signature
from polytask.execution.memory_use import peak_bytes
from polytask.execution.threads import Threads

__all__ = ["Auto"]

_logger = logging.getLogger("polytask.execution")

_MARGIN = 1.2
"""How many times faster than the first one an execution must be: timing noise should not flip the choice."""

_NOISE = 3.0
"""Under autocast, how many times the rounding error of the first execution another one may have."""

_LEAST, _SHARE = 256 * 2**20, 32
"""A budget that no machine minds: so many bytes, but not more than this part of what is free. Below it, twice
the memory of the reference is not asked for."""

_FEW_KINDS = 4
"""So many kinds of steps may come by before preparing a program for each is not worth while."""


class Auto:
    """Times executions on the first training step of two or more episodes, then keeps one.

    Each is run forward and backward on a copy of the learner, after a warm-up, and must give the same
    gradient as the first one; under autocast, up to a few times the rounding that the first one has itself.
    One that raises or differs is left out with a warning; what differs in single precision is compared once
    more in double, as a rule such as Adam makes steps of mere rounding where a gradient is 0. The choice is
    logged to the logger ``polytask.execution``, and is the state that an interrupted run goes on with. As
    rounding differs between executions, name one where a second run has to be the same to the bit.

    `Threads` is left out where there is one thread, or the learner is not on a CPU.

    What is expensive to prepare, such as a compiled program, waits until the steps have taken ``patience``
    seconds in all: so the search costs at most about as much as was spent before. Where steps have come in
    more than 4 kinds by then, of other sizes say, it is left out, as every kind would need a program.

    Args:
        executions: By name; the first is the reference, and is kept unless another one is clearly faster.
        within: By name, makers of executions that stay within a number of bytes.
        later: Likewise, tried after ``patience`` seconds of steps.
        memory_budget: The bytes for what a step makes; None is twice what the reference takes, or 256 MiB if
            that is more (a 32nd of what is free, if that is less), and on a GPU at least a quarter of what
            is free.
        patience: Seconds.

    Example:
        >>> from polytask.core.learner import run_loop
        >>> Auto({"loop": run_loop}).choice is None  # nothing was run yet
        True
    """

    def __init__(
        self,
        executions: Mapping[str, Execution],
        *,
        within: Mapping[str, Callable[[int], Execution]] | None = None,
        later: Mapping[str, Callable[[int], Execution]] | None = None,
        memory_budget: int | None = None,
        patience: float = 30.0,
    ) -> None:
        if memory_budget is not None and memory_budget < 1:
            raise InputError(f"`memory_budget` must be at least 1, got {memory_budget}.")
        self.executions = dict(executions)
        self.within = dict(within or {})
        self.later = dict(later or {})
        self.memory_budget = memory_budget
        self.patience = patience
        self.choice: str | None = None
        self.budget = memory_budget
        self.usable = dict(executions)
        """Executions that were given or found to be right, by name."""
        self.spent = 0.0
        self._waiting = bool(self.later)  # for `patience` to pass
        self._seconds: dict[str, float] = {}
        self._kinds: set[tuple[Any, ...]] = set()

    def __call__(self, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
        """Run the episodes of a step, ``[episode]``."""
        trainable = any(parameter.requires_grad for parameter in learner.parameters())
        training = torch.is_grad_enabled() and trainable and len(episodes) > 1
        if self.choice is None and not training:
            return next(iter(self.executions.values()))(learner, episodes)
        if self.choice is None:
            self._measure_first(learner, episodes)
        elif self._waiting and training and self.spent > self.patience:
            self._waiting = False
            self._measure_later(learner, episodes)
        execution = self.usable[self.choice or ""]
        if not self._waiting:
            return execution(learner, episodes)
        if len(self._kinds) <= _FEW_KINDS:
            self._kinds.add(_forms(episodes))
        start = time.perf_counter()
        values = execution(learner, episodes)
        self.spent += time.perf_counter() - start
        return values

    def state_dict(self) -> dict[str, Any]:
        """Return what was chosen and the memory that it may take, in plain values; nothing before that."""
        return {} if self.choice is None else {"choice": self.choice, "budget": self.budget}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Choose as before, without measuring; see `state_dict`.

        Raises:
            InputError: There is no execution of that name here.
        """
        if not state:
            return
        choice, budget = state.get("choice"), state.get("budget")
        makers = {**self.within, **self.later}
        if choice not in self.executions and choice not in makers:
            there = ", ".join([*self.executions, *makers])
            raise InputError(f"There is no execution {choice!r} to go on with; there are {there}.")
        if choice in makers:
            self.usable[choice] = makers[choice](budget or 0)
        self._waiting = bool(self.later) and choice not in self.later
        self.choice, self.budget = choice, budget

    def _measure_first(self, learner: EpisodicLearner, episodes: Sequence[Episode]) -> None:
        reference = next(iter(self.executions.values()))
        if self.budget is None and (self.within or self.later):
            with torch.random.fork_rng():
                copied = copy.deepcopy(learner)
                taken = peak_bytes(lambda: _gradient(reference, copied, episodes))
            self.budget = max(2 * taken, _least(learner))
        built = {name: build(self.budget or 0) for name, build in self.within.items()}
        useful = {
            name: execution
            for name, execution in built.items()
            if not isinstance(execution, Threads) or execution.useful_for(learner)
        }
        self._measure(learner, episodes, {**self.executions, **useful})

    def _measure_later(self, learner: EpisodicLearner, episodes: Sequence[Episode]) -> None:
        if len(self._kinds) > _FEW_KINDS:
            names = ", ".join(self.later)
            _logger.info("Steps are of %d kinds or more: %s not tried.", len(self._kinds), names)
            return
        built = {name: build(self.budget or 0) for name, build in self.later.items()}
        self._measure(learner, episodes, built)

    def _measure(
        self, learner: EpisodicLearner, episodes: Sequence[Episode], others: Mapping[str, Execution]
    ) -> None:
        """Time the others beside the choice so far, and choose anew."""
        first = self.choice or next(iter(self.executions))
        with torch.random.fork_rng():
            copied = copy.deepcopy(learner)  # so that running statistics do not see the step twice
            reference = _timed(self.usable[first], copied, episodes)
            self._seconds = {first: reference.seconds}
            exact = _exact(self.usable[first], copied, episodes, reference.gradient)
            allowed = _tolerance(exact) + _NOISE * _distance(reference.gradient, exact)
            for name, execution in others.items():
                if name == first:
                    continue
                try:
                    trial = _timed(execution, copied, episodes)
                except (RuntimeError, ValueError, TypeError, UserWarning) as error:
                    _logger.warning("Execution %r is not used, as it failed: %s", name, first_line(error))
                    continue
                error = _distance(trial.gradient, exact)
                if not reference.random and error > allowed:
                    error = _error_in_double(execution, self.usable[first], copied, episodes, error)
                if not reference.random and not error <= allowed:
                    message = "Execution %r is not used: its gradient is off by %.1e from %r."
                    _logger.warning(message, name, error, first)
                    continue
                self.usable[name] = execution
                self._seconds[name] = trial.seconds
        margins = {name: s if name == first else s * _MARGIN for name, s in self._seconds.items()}
        self.choice = min(margins, key=lambda name: margins[name])
        timings = ", ".join(f"{name} {1e3 * value:.1f} ms" for name, value in self._seconds.items())
        _logger.info("Execution %r is used: %s for %d episodes.", self.choice, timings, len(episodes))


def _least(learner: EpisodicLearner) -> int:
    """Return a budget in bytes that is not too much, whatever the reference takes."""
    device = next(learner.parameters()).device
    if device.type == "cpu":
        return min(_LEAST, free_bytes(device) // _SHARE)
    # On a GPU running at once is the point, and memory that is not used serves nobody.
    return max(_LEAST, free_bytes(device) // 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    seconds: float
    gradient: Tensor
    random: bool  # two runs differ, as with dropout: then nothing can be compared


def _timed(execution: Execution, learner: EpisodicLearner, episodes: Sequence[Episode]) -> _Trial:
    """Run once to warm up, then a few times; the shortest time counts."""
    times: list[float] = []
    with warnings.catch_warnings():
        # Without a batching rule, torch runs an operation in a loop inside vmap, and warns at every step.
        warnings.filterwarnings("error", message="There is a performance drop", category=UserWarning)
        gradient = warm = _gradient(execution, learner, episodes)
        while len(times) < 3 and sum(times) < 0.2:
            start = time.perf_counter()
            gradient = _gradient(execution, learner, episodes)
            times.append(time.perf_counter() - start)
    random = not _distance(gradient, warm) <= _tolerance(warm)
    return _Trial(seconds=min(times), gradient=gradient, random=random)


def _exact(
    execution: Execution, learner: EpisodicLearner, episodes: Sequence[Episode], gradient: Tensor
) -> Tensor:
    """Return the gradient without the rounding of autocast, which is the one given where that is off."""
    device = gradient.device.type
    if not torch.is_autocast_enabled(device):
        return gradient
    with torch.autocast(device, enabled=False):
        return _gradient(execution, learner, episodes)


def _distance(gradient: Tensor, reference: Tensor) -> float:
    """Return the distance of two gradients, relative to the length of the second."""
    scale = reference.norm().clamp(min=torch.finfo(reference.dtype).tiny)
    return float((gradient - reference).norm() / scale)


def _error_in_double(
    execution: Execution,
    reference: Execution,
    learner: EpisodicLearner,
    episodes: Sequence[Episode],
    error: float,
) -> float:
    """Return the distance of an execution's gradient in double precision; the one given where that fails."""
    if any(parameter.dtype != torch.float32 for parameter in learner.parameters()):
        return error
    if torch.is_autocast_enabled(next(learner.parameters()).device.type):
        return error
    wide = copy.deepcopy(learner).double()
    device = next(wide.parameters()).device
    if isinstance(episodes, EpisodeStack):
        wider = episodes.to(device, torch.float64)
    else:
        wider = [episode.to(device, torch.float64) for episode in episodes]
    try:
        return _distance(_gradient(execution, wide, wider), _gradient(reference, wide, wider))
    except (RuntimeError, ValueError, TypeError):  # it computes in single precision by itself
        return error


def _tolerance(gradient: Tensor) -> float:
    """Allow for rounding: 3e-4 in single precision; the error to be caught is in the percents."""
    return torch.finfo(gradient.dtype).eps ** 0.5


def _gradient(execution: Execution, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    total = execution(learner, episodes).sum()
    gradients = torch.autograd.grad(total, parameters, allow_unused=True, materialize_grads=True)
    joined = torch.cat([gradient.reshape(-1) for gradient in gradients])  # [parameter]
    if joined.is_cuda:
        torch.cuda.synchronize(joined.device)
    return joined


def _forms(episodes: Sequence[Episode]) -> tuple[Any, ...]:
    """Describe a step by the signatures of its episodes."""
    if isinstance(episodes, EpisodeStack):
        return (signature(episodes),) * len(episodes)
    return tuple(signature(episode) for episode in episodes)
