from .by_name import EngineName, engine_by_name
from .engine import Engine
from .fastest import EngineChoice, Fastest
from .features import Features
from .last_layer import LastLayer
from .layerwise import Layerwise
from .loop import FullJacobian
from .streamed import Streamed

__all__ = [
    "Engine",
    "EngineChoice",
    "EngineName",
    "Fastest",
    "Features",
    "FullJacobian",
    "LastLayer",
    "Layerwise",
    "Streamed",
    "engine_by_name",
]
