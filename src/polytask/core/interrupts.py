"""What a run says when it is told to stop: what is kept, and how to go on."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from types import FrameType

from polytask.core.files import user_path

__all__ = [
    "CHECKPOINT_FILE",
    "ctrl_c_as_termination",
    "deaf_to_ctrl_c",
    "ended_at_once",
    "interruptible",
]

CHECKPOINT_FILE = "checkpoint.pt"
"""The name of the file in a resume folder."""

_INSIDE: ContextVar[bool] = ContextVar("polytask_interruptible", default=False)
_TERMINATED = 128 + signal.SIGTERM


class _Terminated(SystemExit):
    """The process was told to end."""


@contextlib.contextmanager
def interruptible(
    folder: str | Path | None = None,
    *,
    again: str = "",
    keep: str = "",
    name: str = "resume folder",
    saved_as: str = CHECKPOINT_FILE,
) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the block with a message about what is kept.

    SIGINT raises `KeyboardInterrupt` with the message, as everywhere in Python; SIGTERM writes it to standard
    error and exits with code 143, after everything that is open was closed. Of blocks inside each other the
    outermost speaks, as it knows how the user called. A handler that the program has installed itself stays.

    Args:
        folder: The resume folder; None for none.
        again: How to go on with the folder, e.g. ``"call `fit` again with the same `resume_folder`"``.
        keep: How to have a folder at all, e.g. ``"`resume_folder='FOLDER'`"``; empty where there is no way
            to, whatever a training inside may say.
        name: What the folder is called.
        saved_as: The name of the files in it, or below, that hold what is saved.
    """
    if _INSIDE.get():
        yield
        return
    token = _INSIDE.set(True)
    try:
        with _termination_raised():
            yield
    except KeyboardInterrupt:
        _prepare_the_end()
        raise KeyboardInterrupt(_message(folder, again, keep, name, saved_as)) from None
    except _Terminated:
        sys.stderr.write(_message(folder, again, keep, name, saved_as) + "\n")
        raise SystemExit(_TERMINATED) from None
    finally:
        _INSIDE.reset(token)


@contextlib.contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Start processes inside that do not hear SIGINT, from their first moment on.

    A terminal sends Ctrl-C to all processes of a command. One that is still importing would write a traceback
    of its own; whoever has started it ends it. In this thread a SIGINT waits until the block is left.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    if "multiprocessing" in sys.modules:  # its first spawned process brings this one, and hears SIGINT again
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def ctrl_c_as_termination() -> Iterator[None]:
    """Be told of SIGINT as of a SIGTERM, and start processes inside as in `deaf_to_ctrl_c`."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return

    def hear() -> None:
        signal.sigwait((signal.SIGINT,))
        if inside:
            os.kill(os.getpid(), signal.SIGTERM)

    inside = [True]
    with deaf_to_ctrl_c():
        thread = threading.Thread(target=hear, name="hears Ctrl-C", daemon=True)
        thread.start()
        try:
            yield
        finally:
            inside.clear()
            signal.pthread_kill(thread.ident or 0, signal.SIGINT)
            thread.join()


@contextlib.contextmanager
def ended_at_once() -> Iterator[None]:
    """Raise `KeyboardInterrupt` at SIGINT and SIGTERM inside, whatever the program's handlers would do."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _raise_stopped) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise_stopped(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _prepare_the_end() -> None:
    """Import what torch needs as the process ends; a torch whose import was interrupted needs nothing."""
    if "torch" in sys.modules:  # Python takes a module out again whose import did not end
        from polytask.core.torch_internals import imported_for_the_end

        imported_for_the_end()


def _message(folder: str | Path | None, again: str, keep: str, name: str, saved_as: str) -> str:
    if folder is None and not keep:
        return "Stopped."
    if folder is None:
        return f"Stopped; nothing is kept. A run with {keep} can go on where it was stopped."
    folder = user_path(folder)
    told = f"Stopped; the {name} {folder} is kept. To go on, {again}."
    saved = folder.is_dir() and any(folder.rglob(saved_as))
    return told if saved else f"{told} It holds no saved step yet, so that the run will start anew."


@contextlib.contextmanager
def _termination_raised() -> Iterator[None]:
    """Raise an exception at SIGTERM, so that open files and bars are closed."""
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise_terminated(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated(_TERMINATED)
