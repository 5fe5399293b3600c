"""Ways to get the Gramian of the objectives' gradients."""

from polytask.balancing.engines.by_name import EngineName, engine_by_name
from polytask.balancing.engines.engine import Engine, PartsOfStep
from polytask.balancing.engines.fastest import EngineChoice, Fastest
from polytask.balancing.engines.features import Features
from polytask.balancing.engines.last_layer import LastLayer
from polytask.balancing.engines.layerwise import Layerwise
from polytask.balancing.engines.loop import FullJacobian
from polytask.balancing.engines.streamed import Streamed

__all__ = [
    "Engine",
    "EngineChoice",
    "EngineName",
    "Fastest",
    "Features",
    "FullJacobian",
    "LastLayer",
    "Layerwise",
    "PartsOfStep",
    "Streamed",
    "engine_by_name",
]
