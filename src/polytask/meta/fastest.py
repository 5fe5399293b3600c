"""The execution that times the others and keeps the fastest one that is right."""

import copy
import logging
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from polytask.core import Episode, EpisodicLearner, Execution

__all__ = ["Fastest"]

_logger = logging.getLogger("polytask.meta")

_MARGIN = 1.2
"""How many times faster than the first one an execution must be: timing noise should not flip the choice."""


class Fastest:
    """Times executions on the first training step of two or more episodes, then keeps one.

    Each is run forward and backward on a copy of the learner, after a warm-up, and must give the same
    gradient as the first one. One that raises or differs is left out with a warning. The choice is logged to
    the logger ``polytask.meta``. As rounding differs between executions, name one where a run has to be
    repeated to the bit on other machines.

    Args:
        executions: By name; the first is the reference, and is kept unless another one is clearly faster.

    Example:
        >>> from polytask.core import run_loop
        >>> Fastest({"loop": run_loop}).choice is None  # nothing was run yet
        True
    """

    def __init__(self, executions: Mapping[str, Execution]) -> None:
        self.executions = dict(executions)
        self.choice: str | None = None

    def __call__(self, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
        """Run the episodes of a step, ``[episode]``."""
        if self.choice is None:
            trainable = any(parameter.requires_grad for parameter in learner.parameters())
            if len(episodes) < 2 or not torch.is_grad_enabled() or not trainable:
                return next(iter(self.executions.values()))(learner, episodes)
            self.choice = self._measure(learner, episodes)
        return self.executions[self.choice](learner, episodes)

    def _measure(self, learner: EpisodicLearner, episodes: Sequence[Episode]) -> str:
        first, *others = self.executions
        with torch.random.fork_rng():
            copied = copy.deepcopy(learner)  # so that running statistics do not see the step twice
            reference = _timed(self.executions[first], copied, episodes)
            seconds = {first: reference.seconds}
            for name in others:
                try:
                    trial = _timed(self.executions[name], copied, episodes)
                except (RuntimeError, ValueError, TypeError, UserWarning) as error:
                    _logger.warning("Execution %r is not used, as it failed: %s", name, _brief(error))
                    continue
                error = _distance(trial.gradient, reference.gradient)
                if not reference.random and not error <= _tolerance(trial.gradient):
                    message = "Execution %r is not used: its gradient is off by %.1e from %r."
                    _logger.warning(message, name, error, first)
                    continue
                seconds[name] = trial.seconds * _MARGIN
        choice = min(seconds, key=lambda name: seconds[name])
        seconds = {name: value if name == first else value / _MARGIN for name, value in seconds.items()}
        timings = ", ".join(f"{name} {1e3 * value:.1f} ms" for name, value in seconds.items())
        _logger.info("Execution %r is used: %s for %d episodes.", choice, timings, len(episodes))
        return choice


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


def _distance(gradient: Tensor, reference: Tensor) -> float:
    """Return the distance of two gradients, relative to the length of the second."""
    scale = reference.norm().clamp(min=torch.finfo(reference.dtype).tiny)
    return float((gradient - reference).norm() / scale)


def _tolerance(gradient: Tensor) -> float:
    """Allow for rounding: 3e-4 in single precision; the error to be caught is in the percents."""
    return torch.finfo(gradient.dtype).eps ** 0.5


def _gradient(execution: Execution, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    total = execution(learner, episodes).sum()
    found = torch.autograd.grad(total, parameters, allow_unused=True, materialize_grads=True)
    joined = torch.cat([gradient.reshape(-1) for gradient in found])  # [parameter]
    if joined.is_cuda:
        torch.cuda.synchronize(joined.device)
    return joined


def _brief(error: BaseException) -> str:
    """Keep the first line of a message: torch explains at length."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
