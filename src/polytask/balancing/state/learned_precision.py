"""Weights that are learned precisions, as uncertainty weighting and IMTL-L have them."""

from torch import Tensor

from polytask.balancing.balancer import Weights

__all__ = ["precision_weights"]


def precision_weights(log_precision: Tensor) -> Weights:
    r"""Return the weights of learned logarithms :math:`u`, and what keeps them from falling to zero.

    .. math:: \min_{\theta, u} \sum_t e^{u_t} L_t(\theta) - u_t

    Args:
        log_precision: :math:`u`, with a graph, ``[objective]``.

    Example:
        >>> import torch
        >>> update = precision_weights(torch.tensor([0.0, 1.0]))
        >>> update.values, update.regularizer
        (tensor([1.0000, 2.7183]), tensor(-1.))
    """
    return Weights(values=log_precision.exp(), regularizer=-log_precision.sum())
