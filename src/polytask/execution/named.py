"""How the episodes of a step are run, by name."""

import functools
from typing import Literal, TypeAlias

from polytask.core import Execution, InputError, run_loop
from polytask.execution.compiled import Compiled
from polytask.execution.fastest import Fastest
from polytask.execution.grouped import run_each, run_vmap
from polytask.execution.memory import FittedVmap

__all__ = ["ExecutionName", "named_execution"]

ExecutionName: TypeAlias = Literal["auto", "loop", "each", "vmap", "chunks", "compiled"]


def named_execution(
    execution: ExecutionName | Execution, chunk_size: int | None = None, memory: int | None = None
) -> Execution:
    """Return the execution of that name.

    - ``"loop"`` runs episodes one after the other, as plain autograd: the reference.
    - ``"each"`` likewise, but takes each one's gradient at once, so that memory is that of one episode.
    - ``"vmap"`` runs all, or ``chunk_size``, at once; see `run_vmap`.
    - ``"chunks"`` runs at once as many as fit into the memory budget; see `FittedVmap`.
    - ``"compiled"`` compiles the vmapped step; see `Compiled`.
    - ``"auto"`` measures on the first step and keeps the fastest that stays within the memory budget; when
      training has taken long enough to be worth it, compiling is tried too. See `Fastest`.

    All but the loop know their gradient beforehand, and cannot be differentiated again.

    Args:
        execution: The name; a function is returned as it is.
        chunk_size: Episodes that vmap runs at once; None means all of a step.
        memory: Budget in bytes for what a step makes, for ``"auto"`` and ``"chunks"``. None means for the
            former twice what ``"each"`` takes, and at least 16 MiB or, on a GPU, a quarter of what is free;
            for the latter half of what is free.

    Raises:
        InputError: The name is unknown, or a number below 1.
    """
    for name, value in (("chunk_size", chunk_size), ("memory", memory)):
        if value is not None and value < 1:
            raise InputError(f"`{name}` must be at least 1, got {value}.")
    if callable(execution):
        return execution
    if execution == "loop":
        return run_loop
    if execution == "each":
        return run_each
    if execution == "vmap":
        return functools.partial(run_vmap, chunk_size=chunk_size)
    if execution == "chunks":
        return FittedVmap(memory)
    if execution == "compiled":
        return Compiled()
    if execution == "auto":
        if chunk_size is not None:
            return Fastest(
                {"each": run_each, "vmap": functools.partial(run_vmap, chunk_size=chunk_size)}, memory=memory
            )
        return Fastest(
            {"each": run_each}, within={"vmap": FittedVmap}, later={"compiled": _compiled}, memory=memory
        )
    raise InputError(
        f"`execution` is {execution!r}; use 'auto', 'loop', 'each', 'vmap', 'chunks', 'compiled' or a "
        "function."
    )


def _compiled(memory: int) -> Compiled:
    return Compiled(memory=memory)
