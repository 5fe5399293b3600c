"""What a forked process needs before it can compute."""

import os
import sys

__all__ = ["use_one_thread_after_fork"]


def use_one_thread_after_fork() -> None:
    """Let torch compute on one thread in every process that is forked from this one.

    A fork copies the calling thread alone. Where the parent has computed on several, the library of threads
    in the child (OpenMP) believes that its others still exist, hands them work, and waits for ever: so would
    a server that loads and tries a model before it forks its workers. One thread never waits for another; and
    as many workers as cores use them all.
    """
    if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
        os.register_at_fork(after_in_child=_use_one_thread)


def _use_one_thread() -> None:
    torch = sys.modules.get("torch")  # a parent that has not imported it has not computed
    if torch is not None and torch.get_num_threads() > 1:
        torch.set_num_threads(1)
