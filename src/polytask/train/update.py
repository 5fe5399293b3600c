"""The optimizer's update, without what torch does around it where nobody looks."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, AdamW, Optimizer

from polytask.core.torch_internals import fused_adam_, optimizer_is_watched

__all__ = ["Update"]


class Update:
    """Does an optimizer's step.

    Torch's fused Adam and AdamW update all tensors of a small network in a few microseconds, but each of
    their steps sorts the tensors by type, counts for each of them, and tells a profiler that may listen,
    which takes several times as long. So the update is called directly where all tensors are of one type and
    on the processor. The numbers are the same. While hooks or a profiler wait for the step, and with any
    other optimizer, `Optimizer.step` is called.

    Args:
        optimizer: The optimizer; its parameters stay on their device and keep their type.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(1))
        >>> weight.grad = torch.ones(1)
        >>> update = Update(Adam([weight], lr=0.25, fused=True))
        >>> for _ in range(2):
        ...     update()
        >>> round(weight.item(), 4)
        0.5
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        kind = type(optimizer) in (Adam, AdamW)
        self._is_plain = kind and all(map(_is_of_one_type, optimizer.param_groups))
        self._counters: list[Tensor] = []
        self._counter = torch.zeros(0)

    def __call__(self) -> None:
        """Update the parameters by their gradients."""
        groups = self._optimizer.param_groups
        if not (self._is_plain and all(map(_is_fused, groups))) or optimizer_is_watched(self._optimizer):
            self._optimizer.step()
            return
        trained = [[p for p in group["params"] if p.grad is not None] for group in groups]
        known: Mapping[Tensor, dict[str, Tensor]] = self._optimizer.state
        every = [parameter for parameters in trained for parameter in parameters]
        if not all(known.get(p) and p.grad.layout == torch.strided for p in every):
            self._optimizer.step()  # makes what it keeps, and says what it thinks of a sparse gradient
            return
        self._count([known[parameter] for parameter in every])
        for group, parameters in zip(groups, trained):
            if parameters:
                fused_adam_(group, parameters, [known[parameter] for parameter in parameters])

    def _count(self, states: list[dict[str, Tensor]]) -> None:
        """Add 1 to the steps of all parameters; in one operation where they are those of the step before."""
        counters = [state["step"] for state in states]
        if len(counters) != len(self._counters) or any(a is not b for a, b in zip(counters, self._counters)):
            self._counter = torch.stack(counters)
            self._counters = list(self._counter.unbind())
            for state, counter in zip(states, self._counters):
                state["step"] = counter
        self._counter += 1


def _is_of_one_type(group: dict[str, Any]) -> bool:
    """Tell whether one call can take all parameters of a group."""
    forms = {(parameter.device.type, parameter.dtype) for parameter in group["params"]}
    return forms in ({("cpu", torch.float32)}, {("cpu", torch.float64)})


def _is_fused(group: dict[str, Any]) -> bool:
    special = ("amsgrad", "capturable", "differentiable")
    return bool(group["fused"]) and isinstance(group["lr"], float) and not any(map(group.get, special))
