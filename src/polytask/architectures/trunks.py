"""Encoders that turn inputs into vectors."""

from collections.abc import Sequence

from torch import nn

__all__ = ["table_trunk"]


def table_trunk(n_features: int, widths: Sequence[int], *, dropout: float = 0.0) -> nn.Sequential:
    """Build the encoder of a table's rows: linear layers with ReLU and dropout.

    Args:
        n_features: Width of the input ``[batch, feature]``.
        widths: Widths of the layers; the last one is the width of the representation.
        dropout: Probability of dropping a unit.

    Example:
        >>> import torch
        >>> table_trunk(3, [16, 8])(torch.zeros(5, 3)).shape
        torch.Size([5, 8])
    """
    layers: list[nn.Module] = []
    for n_in, n_out in zip([n_features, *widths[:-1]], widths, strict=True):
        layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers)
