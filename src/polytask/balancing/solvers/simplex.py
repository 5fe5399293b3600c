"""Projection onto the simplex."""

import torch
from torch import Tensor

__all__ = ["project_onto_simplex"]


def project_onto_simplex(point: Tensor, total: float | Tensor = 1.0) -> Tensor:
    r"""Return the nearest point whose entries are not negative and have a given sum.

    Args:
        point: ``[..., entry]``.
        total: The sum, positive; a number or ``[...]``.

    Example:
        >>> project_onto_simplex(torch.tensor([0.9, 0.5, -1.0]))
        tensor([0.7000, 0.3000, 0.0000])

    References:
        John Duchi, Shai Shalev-Shwartz, Yoram Singer, Tushar Chandra, "Efficient Projections onto the l1-Ball
        for Learning in High Dimensions", ICML 2008, Figure 1.
    """
    ordered = point.sort(-1, descending=True).values
    counts = torch.arange(1, point.shape[-1] + 1).to(point)
    total = torch.as_tensor(total).to(point)
    excess = (ordered.cumsum(-1) - total[..., None]) / counts
    n_positive = (ordered > excess).sum(-1, keepdim=True).clamp(min=1)
    return (point - excess.gather(-1, n_positive - 1)).clamp(min=0)
