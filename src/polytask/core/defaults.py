"""torch's process-wide settings, as our computations need them, and given back afterwards."""

import contextlib
from collections.abc import Iterator

import torch

from polytask.core.process_setting import ProcessSetting

__all__ = ["usual_defaults"]


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
        stack.enter_context(_FLOAT32.block())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


@contextlib.contextmanager
def _float32() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


_FLOAT32 = ProcessSetting(_float32)
