"""The engine that is fastest here, found by measuring."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from polytask.balancing.engines.engine import Engine
from polytask.balancing.engines.layerwise import Layerwise
from polytask.balancing.engines.loop import FullJacobian
from polytask.balancing.graph import StepGraph
from polytask.balancing.processes import Processes

__all__ = ["EngineChoice", "Fastest"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """What was measured, and what it led to.

    Args:
        chosen: The name of the engine.
        milliseconds: One Gramian by engine, measured on the first step.
    """

    chosen: str
    milliseconds: Mapping[str, float]


class Fastest(Engine):
    """Measure the exact engines on the first step, and keep the fastest from then on.

    Across processes all compute the same with either, so the full Jacobian is used without measuring.

    Args:
        learner: The learner.
    """

    def __init__(self, learner: nn.Module) -> None:
        self._engines: dict[str, Engine] = {"loop": FullJacobian(), "exact": Layerwise(learner)}
        self.choice: EngineChoice | None = None
        """What was chosen; None before the first step."""

    def forget(self) -> None:
        """Let go of what was noted in a forward pass; called after every step."""
        for engine in self._engines.values():
            if isinstance(engine, Layerwise):
                engine.forget()

    def gramian(self, graph: StepGraph, places: Tensor, n_objectives: int, processes: Processes) -> Tensor:
        """See `Engine.gramian`."""
        if not processes.alone:
            return self._engines["loop"].gramian(graph, places, n_objectives, processes)
        if self.choice is None:
            milliseconds = {
                name: _measure(engine, graph, places, n_objectives, processes)
                for name, engine in self._engines.items()
            }
            chosen = min(milliseconds, key=lambda name: milliseconds[name])
            self.choice = EngineChoice(chosen=chosen, milliseconds=milliseconds)
            _LOG.info(
                "Gramian engine %r chosen: %s", chosen, {k: f"{v:.1f} ms" for k, v in milliseconds.items()}
            )
            unused = self._engines["exact"]
            if chosen != "exact" and isinstance(unused, Layerwise):
                unused.remove()
        return self._engines[self.choice.chosen].gramian(graph, places, n_objectives, processes)


def _measure(
    engine: Engine, graph: StepGraph, places: Tensor, n_objectives: int, processes: Processes
) -> float:
    """Return the milliseconds of the better of two runs; the first warms up."""
    best = float("inf")
    for _ in range(2):
        _wait()
        start = time.perf_counter()
        engine.gramian(graph, places, n_objectives, processes)
        _wait()
        best = min(best, (time.perf_counter() - start) * 1e3)
    return best


def _wait() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
