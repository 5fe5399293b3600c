"""The engine that is fastest here, found by measuring."""

import logging
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from polytask.balancing.engines.engine import Engine
from polytask.balancing.engines.layerwise import Layerwise
from polytask.balancing.engines.loop import FullJacobian
from polytask.balancing.engines.streamed import Streamed
from polytask.balancing.graph import StepGraph
from polytask.balancing.processes import Processes
from polytask.core import InputError

__all__ = ["EngineChoice", "Fastest"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """What was measured, and what it led to.

    Args:
        chosen: The name of the engine.
        milliseconds: One Gramian by engine, measured on the first step; empty where nothing was.
        reason: Why nothing was measured.
    """

    chosen: str
    milliseconds: Mapping[str, float]
    reason: str = ""


class Fastest(Engine):
    """Measure the exact engines on the first step, and keep the fastest from then on.

    Where the Jacobian would take more memory than allowed, it is streamed, in as many blocks as that takes.
    Across processes the exact engines compute the same, so nothing is measured.

    Args:
        learner: The learner.
        memory: The most bytes that a Jacobian may take; by default half of what is free at the first step.

    Raises:
        InputError: ``memory`` is below 1.
    """

    def __init__(self, learner: nn.Module, *, memory: int | None = None) -> None:
        if memory is not None and memory < 1:
            raise InputError(f"`memory` must be at least 1 byte, got {memory}.")
        self.memory = memory
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
        if self.choice is None:
            self.choice = self._choose(graph, places, n_objectives, processes)
            _LOG.info(
                "Gramian engine %r chosen%s%s",
                self.choice.chosen,
                "".join(f"; {name}: {taken:.1f} ms" for name, taken in self.choice.milliseconds.items()),
                f"; {self.choice.reason}" if self.choice.reason else "",
            )
            unused = self._engines["exact"]
            if self.choice.chosen != "exact" and isinstance(unused, Layerwise):
                unused.remove()
        return self._engines[self.choice.chosen].gramian(graph, places, n_objectives, processes)

    def _choose(
        self, graph: StepGraph, places: Tensor, n_objectives: int, processes: Processes
    ) -> EngineChoice:
        needed = n_objectives * sum(p.numel() * p.element_size() for p in graph.shared)
        allowed = _free(graph.values.device) // 2 if self.memory is None else self.memory
        allowed = min(processes.gather(allowed))  # all must come to the same choice
        if needed > allowed:
            self._engines["streamed"] = Streamed(math.ceil(needed / allowed))
            reason = f"the Jacobian of {needed:,} bytes is more than the {allowed:,} allowed"
            return EngineChoice(chosen="streamed", milliseconds={}, reason=reason)
        if not processes.alone:
            return EngineChoice(chosen="loop", milliseconds={}, reason=f"{processes.size} processes")
        milliseconds = {
            name: _measure(engine, graph, places, n_objectives, processes)
            for name, engine in self._engines.items()
        }
        return EngineChoice(
            chosen=min(milliseconds, key=lambda name: milliseconds[name]), milliseconds=milliseconds
        )


def _free(device: torch.device) -> int:
    """Return the free bytes of the device; of the machine where it has no memory of its own."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        return sys.maxsize
    available = next((line for line in lines if line.startswith("MemAvailable:")), "")
    return int(available.split()[1]) * 1024 if available else sys.maxsize


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
