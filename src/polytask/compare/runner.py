"""Do all cells of a comparison: in this process, in others, on other machines.

Whoever works on a comparison claims one cell after the other in its folder. So any number of runs, workers
and executors may share one, each may be killed at any moment, and what is there is never done again.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from polytask.compare.cell_work import CellState, run_cell
from polytask.compare.cells import is_done
from polytask.compare.plan import Plan
from polytask.core import InputError, ResultWarning, TrainingError
from polytask.core.doors import by_door
from polytask.core.interrupts import deaf_to_ctrl_c
from polytask.core.processors import processors

__all__ = ["run_cells"]

_PAUSE, _LONGEST_PAUSE = 0.02, 1.0  # seconds between looks at what others do


def run_cells(
    plan: Plan,
    *,
    executor: Any = None,
    workers: int | None = None,
    deadline: float | None = None,
    wait: bool = True,
    tell: Callable[[int], object] = lambda _n_done: None,
) -> int:
    """Do the cells that are not done yet; return how many are left.

    Args:
        plan: The comparison.
        executor: Something with ``submit`` whose futures have ``done`` and ``result``; it stays open.
        workers: Processes, without an executor; 1 works in this one, None for as many as there are
            processors.
        deadline: When not to begin any more cells, in the time of `time.time`.
        wait: Also wait for the cells that others work on, and do them if their worker dies.
        tell: Called with the number of cells that are done.

    Raises:
        TrainingError: A process of ours was killed.
    """
    left = _left(plan)
    pause = _PAUSE
    n_workers = min(workers or processors(), max(len(left), 1))
    if executor is None and n_workers > 1 and not _has_guard():
        warnings.warn(
            'The script has no `if __name__ == "__main__":`, and other processes would run it again, so that '
            "this one does all the work. Call `polytask.compare` below such a line to use all processors.",
            ResultWarning,
            stacklevel=4,
        )
        n_workers = 1
    with _submitting(executor, n_workers) as submit:
        while left:
            n_done = len(plan.cells) - len(left)
            tell(n_done)
            ours = [index for index in left if plan.candidates[plan.cells[index].candidate] is not None]
            tasks = [
                (str(plan.folder), index, plan.candidates[plan.cells[index].candidate], deadline)
                for index in ours
            ]
            states = _states(submit, tasks, lambda n_more, n_done=n_done: tell(n_done + n_more))
            n_before, left = len(left), _left(plan)
            if "late" in states or not (wait and left and ours):
                break
            pause = _PAUSE if len(left) < n_before else min(2 * pause, _LONGEST_PAUSE)
            time.sleep(pause)
    tell(len(plan.cells) - len(left))
    return len(left)


def _has_guard() -> bool:
    """Tell whether the main script, if there is one, keeps what it does from processes that import it."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    if path is None:  # a notebook, or a terminal
        return True
    try:
        return "__name__" in Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True


def _left(plan: Plan) -> list[int]:
    cells = plan.folder / "cells"
    return [index for index, cell in enumerate(plan.cells) if not is_done(cells, cell)]


@dataclass(frozen=True, slots=True)
class _Now:
    """What was done in this process at once.

    Args:
        state: What came of it.
    """

    state: CellState


def _states(
    submit: Callable[..., Any], tasks: list[tuple[Any, ...]], tell: Callable[[int], object]
) -> set[CellState]:
    """Hand out cells, and wait until all came back."""
    states: list[CellState] = []
    pending: list[Any] = []
    pause = _PAUSE
    try:
        for task in tasks:
            future = submit(run_cell, *task)
            if isinstance(future, _Now):
                states.append(future.state)
                tell(states.count("done"))
            else:
                pending.append(future)
        while pending:
            ready = [future for future in pending if future.done()]
            pending = [future for future in pending if future not in ready]
            states += [future.result() for future in ready]
            tell(states.count("done"))
            pause = _PAUSE if ready else min(1.5 * pause, _LONGEST_PAUSE)
            if pending:
                time.sleep(pause)
    except BrokenProcessPool as error:
        script = by_door(
            python='; in a script, call `polytask.compare` below `if __name__ == "__main__":`', command=""
        )
        raise TrainingError(
            "A process that worked on cells has died. If memory ran out, lower "
            f"`workers`{script}. What is done is kept in `directory`."
        ) from error
    return set(states)


@contextmanager
def _submitting(executor: Any, n_workers: int) -> Iterator[Callable[..., Any]]:
    """Return the function that hands work to where it is done."""
    if executor is not None:
        if not callable(getattr(executor, "submit", None)):
            raise InputError(
                f"`executor` needs a method `submit`, as those of concurrent.futures have; got {executor!r}."
            )
        with _cancelled(executor) as submit:
            yield submit
    elif n_workers == 1:
        yield lambda function, *arguments: _Now(function(*arguments))
    else:
        context = multiprocessing.get_context("spawn")
        theirs, ours = context.Pipe(duplex=False)
        with ours, theirs:  # closed, however this process ends; the others see it and end, too
            pool = ProcessPoolExecutor(n_workers, context, initializer=_end_with_parent, initargs=(theirs,))
            others = multiprocessing.active_children()

            def submit(*arguments: Any) -> Any:
                with deaf_to_ctrl_c():  # a process is started where all that there are have work
                    return pool.submit(*arguments)

            try:
                yield submit
                pool.shutdown()
            except BaseException:
                pool.shutdown(wait=False)
                for process in multiprocessing.active_children():
                    if process not in others:  # one that still imports torch sees the end of the line late
                        process.kill()
                raise


@contextmanager
def _cancelled(executor: Any) -> Iterator[Callable[..., Any]]:
    """Cancel what an executor that is not ours has not done yet, if the block fails."""
    futures: list[Any] = []

    def submit(*arguments: Any) -> Any:
        futures.append(executor.submit(*arguments))
        return futures[-1]

    try:
        yield submit
    except BaseException:
        for future in futures:
            with suppress(Exception):  # done, or of an executor that cannot
                future.cancel()
        raise


def _end_with_parent(line: Connection) -> None:
    """Let this process end at once when its parent is gone, whatever has killed it, and not before."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Windows starts no process that is deaf to it

    def watch() -> None:
        with suppress(EOFError, OSError):
            line.recv_bytes()
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
