"""Gradients that are summed over the processes when a block ends."""

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from polytask.balancing.step.processes import Processes

__all__ = ["reduced_gradients"]


@contextlib.contextmanager
def reduced_gradients(parameters: Sequence[nn.Parameter], processes: Processes) -> Iterator[None]:
    """Sum over the processes what a block adds to ``grad``; what was there before is left alone.

    A parameter that no process reached keeps ``grad`` None.
    """
    if processes.alone:
        yield
        return
    before = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    yield
    device = parameters[0].device if parameters else torch.device("cpu")
    reached = processes.sum(
        torch.tensor([float(parameter.grad is not None) for parameter in parameters], device=device)
    )
    wanted = [parameter for parameter, count in zip(parameters, reached.tolist()) if count]
    for dtype in sorted({parameter.dtype for parameter in wanted}, key=str):
        same = [parameter for parameter in wanted if parameter.dtype == dtype]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in same])
        for parameter, piece in zip(same, processes.sum(flat).split([p.numel() for p in same])):
            parameter.grad = piece.view_as(parameter).clone()
    for parameter, old in zip(parameters, before):
        if old is not None:
            parameter.grad = old if parameter.grad is None else old + parameter.grad
