"""The engine that should be fastest here, found by counting operations."""

import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from polytask.balancing.engines.engine import Engine
from polytask.balancing.engines.layerwise import Layerwise
from polytask.balancing.engines.loop import FullJacobian
from polytask.balancing.engines.streamed import Streamed
from polytask.balancing.step.gradients import StepGradients
from polytask.core import InputError
from polytask.core.memory_budget import free_bytes

__all__ = ["EngineChoice", "Fastest"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """Which engine was chosen, and why.

    Args:
        chosen: The name of the engine: ``"exact"``, ``"loop"`` or ``"streamed"``.
        reason: Why.
        n_blocks: Into how many blocks the Jacobian is cut; 1 where it is not streamed.
    """

    chosen: str
    reason: str
    n_blocks: int = 1


class Fastest(Engine):
    """Choose one of the exact engines on the first step, and keep it from then on.

    The layer-wise engine is taken where it saves operations, by a fixed model of what they cost. Nothing is
    measured: engines round differently, and a choice by the clock would make two runs of one seed differ.
    Where the Jacobian would take more memory than allowed, it is streamed, in as many blocks as that takes.
    Across processes the exact engines compute the same, so there is nothing to choose.

    The choice is the engine's state, so that a run that goes on elsewhere makes the same one.

    Args:
        memory_budget: The most bytes that a Jacobian may take; by default half of what is free at the
            first step.

    Raises:
        InputError: ``memory_budget`` is below 1.
    """

    def __init__(self, *, memory_budget: int | None = None) -> None:
        if memory_budget is not None and memory_budget < 1:
            raise InputError(f"`memory_budget` must be at least 1 byte, got {memory_budget}.")
        self.memory_budget = memory_budget
        self._loop, self._layerwise = FullJacobian(), Layerwise(frugal=False)
        self._engine: Engine = self._loop
        self.choice: EngineChoice | None = None
        """What was chosen; None before the first step."""

    def open(self, learner: nn.Module) -> None:
        """See `Engine.open`."""
        self._layerwise.open(learner)

    def gramian(self, step: StepGradients) -> Tensor:
        """See `Engine.gramian`; of a step in parts the full Jacobian is held, and nothing is chosen."""
        if not step.held:
            return self._loop.gramian(step)
        if self.choice is None:
            self._take(self._choose(step))
        return self._engine.gramian(step)

    def state_dict(self) -> dict[str, Any]:
        """Return the choice, in plain values."""
        return {} if self.choice is None else asdict(self.choice)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Choose as before.

        Raises:
            InputError: This is not the state of a choice.
        """
        if not state:
            return
        try:
            choice = EngineChoice(**state)
        except TypeError as error:
            raise InputError(f"This is no choice of an engine: {dict(state)!r}.") from error
        if choice.chosen not in ("exact", "loop", "streamed"):
            raise InputError(f"No engine that can be chosen is called {choice.chosen!r}.")
        self._take(choice)

    def _take(self, choice: EngineChoice) -> None:
        engines = {"exact": self._layerwise, "loop": self._loop}
        self._engine = engines.get(choice.chosen) or Streamed(choice.n_blocks)
        self.choice = choice
        _LOG.info("Gramian engine %r chosen: %s", choice.chosen, choice.reason)

    def _choose(self, step: StepGradients) -> EngineChoice:
        needed = step.n_objectives * sum(p.numel() * p.element_size() for p in step.shared)
        device = next(graph.values.device for graph, _ in step.graphs())
        allowed = free_bytes(device) // 2 if self.memory_budget is None else self.memory_budget
        allowed = min(step.processes.gather(allowed))  # all must come to the same choice
        if needed > allowed:
            reason = f"the Jacobian of {needed:,} bytes is more than the {allowed:,} allowed"
            return EngineChoice(chosen="streamed", reason=reason, n_blocks=math.ceil(needed / allowed))
        graph = step.only_graph
        if graph is None:
            return EngineChoice(chosen="loop", reason=f"{step.processes.size} processes")
        if self._layerwise.saves(graph):
            return EngineChoice(chosen="exact", reason="it saves operations")
        return EngineChoice(chosen="loop", reason="no layer would be cheaper in a compressed form")
