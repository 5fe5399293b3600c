"""The direction with the same cosine to every gradient."""

import torch
from torch import Tensor

from polytask.balancing.solvers.scaled import cosines, symmetric

__all__ = ["unit_progress"]


def unit_progress(gramian: Tensor) -> Tensor:
    r"""Return the weights of the conflict-free direction of equal cosines.

    .. math:: d \propto U^{+} 1, \qquad \lVert d \rVert = \sum_t \langle g_t, d / \lVert d \rVert \rangle

    where the rows of :math:`U` are the unit gradients. With their cosines :math:`C = U U^\top` it is
    :math:`d \propto U^\top C^{+} 1`, so the Gramian is all it needs.

    Args:
        gramian: ``[..., objective, objective]``.

    Returns:
        The weights, ``[..., objective]``; 0 where a gradient is zero.

    Raises:
        InputError: The Gramian is not square, or not finite.

    Example:
        >>> unit_progress(torch.tensor([[4.0, 0.0], [0.0, 1.0]]))
        tensor([0.7500, 1.5000])

    References:
        Qiang Liu, Mengyu Chu, Nils Thuerey, "ConFIG: Towards Conflict-free Training of Physics Informed
        Neural Networks", ICLR 2025, arXiv:2408.11104, eq. 2 and 3. That the Gramian is enough is our remark.
    """
    angles, lengths = map(torch.from_numpy, cosines(symmetric(gramian)))
    there = (lengths > 0).to(angles)
    cutoff = angles.shape[-1] * torch.finfo(gramian.dtype).eps
    solved = (torch.linalg.pinv(angles, rtol=cutoff, hermitian=True) @ there[..., None]).squeeze(-1) * there
    reached = (angles @ solved[..., None]).squeeze(-1)
    squared = (solved * reached).sum(-1, keepdim=True)  # ‖Uᵀ C⁺ 1‖²
    length = (lengths * reached).sum(-1, keepdim=True)
    some = squared > 0
    factor = torch.where(some, length / torch.where(some, squared, 1.0), 0.0)
    divisor = torch.where(lengths > 0, lengths, 1.0)
    return (solved / divisor * factor).to(gramian)
