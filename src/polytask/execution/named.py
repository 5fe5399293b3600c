"""How the episodes of a step are run, by name."""

from typing import Literal, TypeAlias, get_args

from polytask.core import EpisodicLearner, InputError, Learner
from polytask.core.learner import Execution, run_loop
from polytask.execution.auto import Auto
from polytask.execution.chunked import Chunked
from polytask.execution.compiled import Compiled
from polytask.execution.forward import run_forward
from polytask.execution.groups import run_one_by_one
from polytask.execution.threads import Threads
from polytask.execution.vmap import run_vmap

__all__ = ["ExecutionName", "execution_for", "named_execution"]

ExecutionName: TypeAlias = Literal["auto", "loop", "vmap", "forward", "chunked", "threads", "compiled"]
"""How the episodes of a step are run; see `named_execution`."""


def named_execution(execution: ExecutionName | Execution, learner: EpisodicLearner) -> Execution:
    """Return the execution of that name, for a learner.

    - ``"loop"`` runs episodes one after the other: by `polytask.core.learner.run_loop`; for a learner that
      takes gradients itself by `run_one_by_one`, which needs the memory of one inner loop alone.
    - ``"vmap"`` runs all at once, with the gradient of each taken inside; see `run_vmap`.
    - ``"forward"`` runs all at once, with one ordinary backward pass, for learners that take no gradient
      themselves; see `run_forward`.
    - ``"chunked"`` runs as many at once as fit into the memory budget; see `Chunked`, which takes a number of
      episodes or of bytes.
    - ``"threads"`` runs as many at a time as torch has threads, on a CPU, each as the loop does; see
      `Threads`.
    - ``"compiled"`` compiles the vmapped step; see `Compiled`.
    - ``"auto"`` measures on the first step and keeps the fastest; see `Auto`. It tries the loop and the
      forward run; for a learner that takes gradients itself the loop, vmap and threads within a memory budget
      and, when training has taken long enough to be worth it, the compiled step.

    What takes gradients as it runs cannot be differentiated again; `polytask.core.learner.run_loop` can.

    Args:
        execution: The name; a function is returned as it is.
        learner: What it is for; its `inner_gradients` says whether it takes gradients itself.

    Raises:
        InputError: The name is unknown, or the execution is none for the learner.

    Example:
        >>> from polytask.meta.initialization import MAML
        >>> from torch import nn
        >>> list(named_execution("auto", MAML(nn.Linear(1, 1))).executions)
        ['loop']
    """
    if callable(execution):
        return execution
    if execution == "loop":
        return run_one_by_one if learner.inner_gradients else run_loop
    if execution == "vmap":
        return run_vmap
    if execution == "forward":
        if learner.inner_gradients:
            raise InputError(
                f"`execution` is 'forward', but {type(learner).__name__} takes gradients as it learns, of "
                "which that would give a wrong meta-gradient; use 'vmap'."
            )
        return run_forward
    if execution == "chunked":
        return Chunked()
    if execution == "threads":
        return Threads()
    if execution == "compiled":
        return Compiled()
    if execution == "auto" and learner.inner_gradients:
        return Auto(
            {"loop": run_one_by_one},
            within={"vmap": _within, "threads": _threads},
            later={"compiled": _compiled},
        )
    if execution == "auto":
        return Auto({"loop": run_loop, "forward": run_forward})
    names = ", ".join(map(repr, get_args(ExecutionName)))
    raise InputError(f"`execution` is {execution!r}; use {names} or a function.")


def execution_for(learner: Learner, execution: ExecutionName | Execution) -> Execution | None:
    """Return the execution of that name for any learner: None for one that has no episodes to learn from.

    Raises:
        InputError: See `named_execution`; or an execution other than ``"auto"`` and ``"loop"`` is for a
            learner that has none.
    """
    if isinstance(learner, EpisodicLearner):
        return named_execution(execution, learner)
    if execution in ("auto", "loop"):
        return None
    raise InputError(
        f"`execution` is for learners that learn from the support of episodes; {type(learner).__name__} is "
        "none. Leave it out."
    )


def _within(memory_budget: int) -> Chunked:
    return Chunked(memory_budget=memory_budget)


def _threads(memory_budget: int) -> Threads:
    return Threads(memory_budget=memory_budget)


def _compiled(memory_budget: int) -> Compiled:
    return Compiled(memory_budget=memory_budget)
