"""A command starts and ends without Python's search for garbage, a fifth of the time of a short one.

Importing torch makes some hundred thousand objects, all of which stay. Python would search them for cycles
that nobody uses, several times while they come and once more at its end, and find next to none.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quick_end", "quick_imports"]


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import torch and what needs it inside: the search rests, and later ones pass over what was imported.

    Where torch is there already, as in a program that calls commands, nothing is done.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def quick_end() -> None:
    """Leave what there is to the end of the process; functions that wait for it (`atexit`) still run."""
    gc.freeze()
