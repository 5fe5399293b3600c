"""The Jacobian in blocks of parameters, one after the other."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from polytask.balancing.engines.engine import Engine
from polytask.balancing.step.gradients import StepGradients
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

    def gramian(self, step: StepGradients) -> Tensor:
        """See `Engine.gramian`; of a step in parts the full Jacobian is held: each block would run them."""
        if not step.held:
            rows = step.rows()
            return rows @ rows.T
        values = next(step.graphs())[0].values
        products = values.new_zeros(step.n_objectives, step.n_objectives, dtype=torch.float32)
        for block in _blocks(step.shared, self.n_blocks):
            rows = step.rows(block)
            products = products.to(rows.dtype) + rows @ rows.T
        return products


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
