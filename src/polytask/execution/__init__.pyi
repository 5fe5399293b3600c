from .compiled import Compiled
from .fastest import Fastest
from .forward import run_batched
from .gradient_check import GradientReport, check_meta_gradient
from .grouped import run_each, run_vmap
from .memory import FittedVmap, peak_bytes
from .named import named_execution

__all__ = [
    "Compiled",
    "Fastest",
    "FittedVmap",
    "GradientReport",
    "check_meta_gradient",
    "named_execution",
    "peak_bytes",
    "run_batched",
    "run_each",
    "run_vmap",
]
