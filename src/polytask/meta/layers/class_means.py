"""The mean features of each class."""

import torch
from torch import Tensor

__all__ = ["class_means"]


def class_means(features: Tensor, members: Tensor) -> Tensor:
    """Average the features of each class.

    Args:
        features: ``[row, feature]``.
        members: How much each row counts for each class, ``[row, class]``.

    Returns:
        ``[class, feature]``; 0 for a class without rows.
    """
    counts = members.sum(0).unsqueeze(1)  # [class, 1]
    return (members.T @ features) / torch.where(counts > 0, counts, 1.0)
