"""The execution of learners that learn in their forward pass and take no gradient themselves."""

import functools

from polytask.core import Execution, run_loop
from polytask.execution.fastest import Fastest
from polytask.execution.forward import run_batched
from polytask.execution.named import ExecutionName, named_execution

__all__ = ["forward_execution"]


def forward_execution(
    execution: ExecutionName | Execution = "auto", chunk_size: int | None = None
) -> Execution:
    """Return the execution of that name; see `named_execution`.

    Args:
        execution: As there, but ``"auto"`` times the loop and `run_batched`, which needs no gradient for each
            episode.
        chunk_size: Episodes that are run at once; None means all of a step.

    Raises:
        InputError: The name is unknown, or the chunk size below 1.

    Example:
        >>> sorted(forward_execution().executions)
        ['batched', 'loop']
    """
    named = named_execution(execution, chunk_size)
    if execution != "auto":
        return named
    return Fastest({"loop": run_loop, "batched": functools.partial(run_batched, chunk_size=chunk_size)})
