"""Heads of a classifier that are computed from the support's features."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from polytask.core.learner import State
from polytask.meta.layers.class_means import class_means
from polytask.meta.layers.full_precision import full_precision, widened
from polytask.meta.layers.networks import mlp

__all__ = ["ClassHead", "LinearHead", "MahalanobisHead"]


class ClassHead(nn.Module, ABC):
    """Turns the features of a support into what is needed to classify others."""

    parts: tuple[str, ...]
    """The names of the tensors that it needs."""

    @abstractmethod
    def of_support(self, features: Tensor, members: Tensor) -> State:
        """Compute the head.

        Args:
            features: ``[support, feature]``.
            members: 1 where an example belongs to a class, else 0; a row of 0 has no label.
                ``[support, class]``.
        """

    @abstractmethod
    def logits(self, head: State, features: Tensor) -> Tensor:
        """Return logits ``[batch, class]`` for features ``[batch, feature]``."""


class LinearHead(ClassHead):
    r"""A linear classifier whose weights are networks' answers to the class means.

    :math:`w_c = \mu_c + \psi_w(\mu_c)` and :math:`b_c = \psi_b(\mu_c)`.

    Args:
        n_features: Width of the features.
        hidden: Width of the hidden layers.
    """

    parts = ("weight", "bias")

    def __init__(self, n_features: int, hidden: int) -> None:
        super().__init__()
        self.to_weight = mlp([n_features, hidden, n_features], nn.ELU)
        self.to_bias = mlp([n_features, hidden, 1], nn.ELU)

    def of_support(self, features: Tensor, members: Tensor) -> State:
        """See `ClassHead.of_support`."""
        means = class_means(features, members)  # [class, feature]
        return {"weight": means + self.to_weight(means), "bias": self.to_bias(means).squeeze(1)}

    def logits(self, head: State, features: Tensor) -> Tensor:
        """See `ClassHead.logits`."""
        return features @ head["weight"].T + head["bias"]


class MahalanobisHead(ClassHead):
    """Half the squared Mahalanobis distance to the class means, by a covariance for each class.

    A class of few examples leans on the covariance of all; see `FiLMGenerator` for the formula.
    """

    parts = ("mean", "precision")

    def of_support(self, features: Tensor, members: Tensor) -> State:
        """See `ClassHead.of_support`."""
        with full_precision(features):
            return self._of_support(widened(features), widened(members))

    def logits(self, head: State, features: Tensor) -> Tensor:
        """See `ClassHead.logits`."""
        with full_precision(features):
            from_mean = widened(features).unsqueeze(1) - head["mean"]  # [batch, class, feature]
            return -0.5 * torch.einsum("bcf,cfg,bcg->bc", from_mean, head["precision"], from_mean)

    def _of_support(self, features: Tensor, members: Tensor) -> State:
        means = class_means(features, members)  # [class, feature]
        counts = members.sum(0)  # [class]
        from_class = (features - members @ means) * members.sum(1, keepdim=True)  # [support, feature]
        products = torch.einsum("sc,sf,sg->cfg", members, from_class, from_class)
        of_class = products / (counts - 1).clamp(min=1).reshape(-1, 1, 1)
        known = members.sum(1, keepdim=True)  # [support, 1]
        centre = (features * known).sum(0) / known.sum().clamp(min=1)
        from_centre = (features - centre) * known
        of_all = from_centre.T @ from_centre / (known.sum() - 1).clamp(min=1)
        trust = (counts / (counts + 1)).reshape(-1, 1, 1)
        ridge = torch.eye(features.shape[1], dtype=features.dtype, device=features.device)
        covariances = trust * of_class + (1 - trust) * of_all + ridge  # [class, feature, feature]
        return {"mean": means, "precision": torch.linalg.inv(covariances)}
