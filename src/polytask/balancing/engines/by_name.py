"""Engines by name."""

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from torch import nn

from polytask.balancing import engines  # imports an engine when it is asked for
from polytask.balancing.engines.engine import Engine
from polytask.core import EpisodicLearner, InputError

__all__ = ["EngineName", "engine_by_name"]

EngineName: TypeAlias = Literal["auto", "exact", "loop", "streamed", "features", "last-layer"]
"""``auto`` takes the exact engine that should be fastest, within the memory that is free; see
`polytask.balancing.engines`."""


def engine_by_name(name: str, learner: nn.Module, *, needs: str) -> Engine:
    """Build an engine.

    Args:
        name: See `EngineName`.
        learner: The learner.
        needs: What the balancer looks at.

    Raises:
        InputError: No engine has this name.
    """
    if needs in ("nothing", "losses", "jacobian") and name in ("auto", "exact"):
        return engines.FullJacobian()  # never asked for a Gramian, except by way of the Jacobian
    if name == "auto":
        # The weights of an episodic learner are used many times, which leaves nothing to compress.
        return engines.FullJacobian() if isinstance(learner, EpisodicLearner) else engines.Fastest()
    if name not in _ENGINES:
        raise InputError(f"No engine is called {name!r}; there are auto, {', '.join(_ENGINES)}.")
    return _ENGINES[name]()


_ENGINES: Mapping[str, Callable[[], Engine]] = {
    "exact": lambda: engines.Layerwise(),
    "loop": lambda: engines.FullJacobian(),
    "streamed": lambda: engines.Streamed(),
    "features": lambda: engines.Features(),
    "last-layer": lambda: engines.LastLayer(),
}
