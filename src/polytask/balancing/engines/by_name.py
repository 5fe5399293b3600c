"""Engines by name."""

from collections.abc import Callable
from typing import Literal, TypeAlias

from torch import nn

from polytask.balancing.engines.engine import Engine
from polytask.balancing.engines.fastest import Fastest
from polytask.balancing.engines.features import Features
from polytask.balancing.engines.last_layer import LastLayer
from polytask.balancing.engines.layerwise import Layerwise
from polytask.balancing.engines.loop import FullJacobian
from polytask.balancing.engines.streamed import Streamed
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
        return FullJacobian()  # never asked for a Gramian, except by way of the Jacobian
    if name == "auto":
        # The weights of an episodic learner are used many times, which leaves nothing to compress.
        return FullJacobian() if isinstance(learner, EpisodicLearner) else Fastest()
    engines: dict[str, Callable[[], Engine]] = {
        "exact": Layerwise,
        "loop": FullJacobian,
        "streamed": Streamed,
        "features": Features,
        "last-layer": LastLayer,
    }
    if name not in engines:
        raise InputError(f"No engine is called {name!r}; there are auto, {', '.join(engines)}.")
    return engines[name]()
