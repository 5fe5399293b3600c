"""torch's process-wide settings, as our computations need them, and given back afterwards."""

import contextlib
import threading
from collections.abc import Iterator

import torch

__all__ = ["usual_defaults"]


class _Users:
    """How many blocks need float32 as the default type, and what it was before the first of them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.number = 0
        self.before = torch.float32


_USERS = _Users()


@contextlib.contextmanager
def usual_defaults() -> Iterator[None]:
    """Compute with gradients, in float32 and on the CPU unless told otherwise, whatever the caller has set.

    The default type belongs to the whole process: blocks in several threads share it, and the last one gives
    it back.

    Example:
        >>> with torch.no_grad(), usual_defaults():
        ...     torch.is_grad_enabled(), torch.ones(1).dtype
        (True, torch.float32)
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_float32())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


@contextlib.contextmanager
def _float32() -> Iterator[None]:
    with _USERS.lock:
        if not _USERS.number:
            _USERS.before = torch.get_default_dtype()
            torch.set_default_dtype(torch.float32)
        _USERS.number += 1
    try:
        yield
    finally:
        with _USERS.lock:
            _USERS.number -= 1
            if not _USERS.number:
                torch.set_default_dtype(_USERS.before)
