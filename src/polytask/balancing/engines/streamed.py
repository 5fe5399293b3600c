"""The Jacobian in blocks of parameters, one after the other."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from polytask.balancing.engines.engine import Engine, PartsOfStep, spread
from polytask.balancing.step.graph import StepGraph
from polytask.balancing.step.processes import Processes
from polytask.core import InputError

__all__ = ["Streamed"]


class Streamed(Engine):
    """Add up the Gramian over blocks of parameters: less memory for more time.

    Each block costs a backward pass an objective, from the objectives down to the block. Memory: objectives ×
    the parameters of the largest block. Across processes the block's Jacobian is summed.

    Args:
        n_blocks: Into how many blocks of similar size the shared parameters are cut; a block is at least one
            parameter tensor.

    Raises:
        InputError: ``n_blocks`` is below 1.
    """

    def __init__(self, n_blocks: int = 4) -> None:
        if n_blocks < 1:
            raise InputError(f"`n_blocks` must be at least 1, got {n_blocks}.")
        self.n_blocks = n_blocks

    def gramian(self, graph: StepGraph, places: Tensor, n_objectives: int, processes: Processes) -> Tensor:
        """See `Engine.gramian`."""
        products = graph.values.new_zeros(n_objectives, n_objectives, dtype=torch.float32)
        for block in _blocks(graph.shared, self.n_blocks):
            rows = processes.sum(spread(graph.jacobian(block), places, n_objectives))
            products = products.to(rows.dtype) + rows @ rows.T
        return products

    def gramian_of_parts(self, parts: PartsOfStep) -> Tensor:
        """See `Engine.gramian_of_parts`: the full Jacobian is held, since each block would run all parts."""
        rows = parts.rows(None)
        return rows @ rows.T


def _blocks(parameters: Sequence[Tensor], n_blocks: int) -> Iterator[list[Tensor]]:
    """Cut parameters, in their order, into blocks of similar size."""
    limit = sum(parameter.numel() for parameter in parameters) / n_blocks
    block: list[Tensor] = []
    for parameter in parameters:
        if block and sum(each.numel() for each in block) + parameter.numel() > limit:
            yield block
            block = []
        block.append(parameter)
    if block:
        yield block
