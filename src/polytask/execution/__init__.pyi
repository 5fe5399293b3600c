from .auto import Auto
from .chunked import Chunked
from .compiled import Compiled
from .forward import run_forward
from .gradient_check import GradientReport, check_meta_gradient
from .memory_use import peak_bytes
from .named import ExecutionName, execution_for, named_execution
from .vmap import run_vmap

__all__ = [
    "Auto",
    "Chunked",
    "Compiled",
    "ExecutionName",
    "GradientReport",
    "check_meta_gradient",
    "execution_for",
    "named_execution",
    "peak_bytes",
    "run_forward",
    "run_vmap",
]
