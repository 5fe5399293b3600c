"""Attention by torch's plain kernel: the fused ones have neither a second derivative nor a vmap."""

from functools import partial

from torch.nn.attention import SDPBackend, sdpa_kernel

from polytask.core.process_setting import ProcessSetting

__all__ = ["plain_attention"]

plain_attention = ProcessSetting(partial(sdpa_kernel, SDPBackend.MATH)).block
"""Lets torch compute `scaled_dot_product_attention` by matrix products inside a ``with`` block."""
