"""Gradients of each objective, and their Gramian."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["assign", "jacobian"]


def jacobian(values: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """Return one gradient per objective, by one backward pass each; the graph is kept.

    Args:
        values: Objectives ``[objective]``.
        parameters: Where to differentiate; a parameter that an objective does not use counts as zero,
            and so does an objective that nothing trained has a part in.

    Returns:
        ``[objective, parameter]``, the parameters flattened and joined.

    Example:
        >>> w = nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> jacobian(torch.stack([w.sum(), w.prod()]), [w])
        tensor([[1., 1.],
                [2., 1.]])
    """
    if not parameters:  # e.g. soft sharing, where everything is private
        return values.new_zeros(len(values), 0)
    rows = []
    for value in values:
        if not value.requires_grad:
            rows.append(value.new_zeros(sum(parameter.numel() for parameter in parameters)))
            continue
        gradients = torch.autograd.grad(
            value, parameters, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        rows.append(torch.cat([gradient.reshape(-1) for gradient in gradients]))
    return torch.stack(rows)


def assign(direction: Tensor, parameters: Sequence[nn.Parameter]) -> None:
    """Add a flat direction ``[parameter]`` to the ``grad`` of the parameters."""
    pieces = direction.split([parameter.numel() for parameter in parameters])
    for parameter, piece in zip(parameters, pieces, strict=True):
        shaped = piece.view_as(parameter)
        parameter.grad = shaped.clone() if parameter.grad is None else parameter.grad + shaped
