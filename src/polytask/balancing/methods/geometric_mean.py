"""The geometric mean of the losses."""

from torchjd import scalarization

from polytask.balancing.balancer import catalogued
from polytask.balancing.wrappers.torchjd import Scalarized

__all__ = ["GeometricMean"]


@catalogued("geometric-mean", "Chennupati et al., CVPR Workshops 2019, arXiv:1904.08492")
class GeometricMean(Scalarized):
    r"""Lower the geometric mean of the losses.

    .. math:: \min_\theta \Bigl(\prod_t L_t(\theta)\Bigr)^{1 / T}

    It holds no state, and knows no names: :math:`T` counts the objectives present.

    When to use:
        Losses of very different sizes that are all above 0. A loss near 0 gets an unbounded
        weight.

    References:
        Sumanth Chennupati et al., "MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss Strategy
        for Multi-Task Learning", CVPR Workshops 2019, arXiv:1904.08492; by TorchJD's scalarizer. Deviation:
        private parameters get their unweighted gradient, as everywhere here.

    Example:
        >>> import torch
        >>> from polytask.balancing import Evidence
        >>> GeometricMean()(Evidence(("a", "b"), torch.tensor([1.0, 4.0]), torch.Tensor)).values
        tensor([1.0000, 0.2500])
    """

    def __init__(self) -> None:
        super().__init__(scalarization.GeometricMean())
