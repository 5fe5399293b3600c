from .gradient_check import check_meta_gradient
from .named import ExecutionName, named_execution
from .vmap import run_vmap

__all__ = ["ExecutionName", "check_meta_gradient", "named_execution", "run_vmap"]
