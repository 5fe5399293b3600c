"""Attention by torch's plain kernel: the fused ones have neither a second derivative nor a vmap."""

import contextlib

from torch.nn.attention import SDPBackend, sdpa_kernel

from polytask.core.process_setting import ProcessSetting

__all__ = ["plain_attention"]

_PLAIN = ProcessSetting(lambda: sdpa_kernel(SDPBackend.MATH))


def plain_attention() -> contextlib.AbstractContextManager[object]:
    """Let torch compute `scaled_dot_product_attention` by matrix products inside the block.

    Example:
        >>> with plain_attention():
        ...     pass
    """
    return _PLAIN.block()
