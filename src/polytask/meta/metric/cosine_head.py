"""A linear layer that sees directions only."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import InputError

__all__ = ["CosineHead", "cosine_logits"]


class CosineHead(nn.Module):
    r"""Logits by angle, :math:`s \cos(f, w_k)`: reduces the spread within a class when an encoder is trained.

    Args:
        n_features: Width of the features.
        n_classes: How many classes.
        scale: The factor :math:`s`; a cosine alone gives nearly flat probabilities.

    Raises:
        InputError: A number is not positive.

    Example:
        >>> CosineHead(4, 3)(torch.ones(2, 4)).shape
        torch.Size([2, 3])

    References:
        Gidaris, Komodakis. Dynamic Few-Shot Visual Learning without Forgetting. CVPR 2018, arXiv:1804.09458;
        Chen et al. A Closer Look at Few-shot Classification. ICLR 2019, arXiv:1904.04232. Differs: the scale
        is fixed, where the former learns one and the code of the latter learns a length for every class.
    """

    def __init__(self, n_features: int, n_classes: int, *, scale: float = 10.0) -> None:
        problems = [
            f"`{name}` must be above 0, got {value}"
            for name, value in (("n_features", n_features), ("n_classes", n_classes), ("scale", scale))
            if not value > 0
        ]
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_classes, n_features) / n_features**0.5)
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        """Return logits ``[batch, class]`` of features ``[batch, feature]``."""
        return cosine_logits(features, self.weight, self.scale)


def cosine_logits(features: Tensor, weights: Tensor, scale: float) -> Tensor:
    """Return the scaled cosines of features ``[row, feature]`` with weights ``[class, feature]``."""
    return scale * functional.normalize(features) @ functional.normalize(weights).T
