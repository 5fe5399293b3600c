"""Buffers whose size is known only once the first gradient is seen."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["register_grown_buffer"]


def register_grown_buffer(module: nn.Module, name: str) -> None:
    """Register a buffer that is empty at first, and that takes whatever size a saved state has.

    Args:
        module: The module that keeps it.
        name: Its name.

    Example:
        >>> used, fresh = nn.Module(), nn.Module()
        >>> for module in (used, fresh):
        ...     register_grown_buffer(module, "mean")
        >>> used.mean = torch.ones(3)
        >>> fresh.load_state_dict(used.state_dict())
        <All keys matched successfully>
        >>> fresh.mean
        tensor([1., 1., 1.])
    """
    module.register_buffer(name, torch.empty(0))

    def grow(owner: nn.Module, state: Mapping[str, Any], prefix: str, *_: object) -> None:
        saved = state.get(prefix + name)
        present = getattr(owner, name)
        if isinstance(saved, Tensor) and saved.shape != present.shape:
            setattr(owner, name, present.new_empty(saved.shape, dtype=saved.dtype))

    module.register_load_state_dict_pre_hook(grow)
