"""Mahalanobis classification: a class has a mean and, as far as its examples allow, a shape."""

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.learner import State
from polytask.meta.entry import catalogued
from polytask.meta.layers.class_means import class_means
from polytask.meta.metric.feature_classifier import FeatureClassifier

__all__ = ["Mahalanobis"]


@catalogued(
    "mahalanobis",
    "Bateni et al., CVPR 2020, arXiv:1912.03432 (the head of Simple CNAPS)",
    family="metric",
)
class Mahalanobis(FeatureClassifier):
    r"""The head of Simple CNAPS: distances by a covariance that is estimated for every class.

    Class :math:`k` with :math:`n_k` examples has the mean :math:`\mu_k` and
    :math:`Q_k = \lambda_k \Sigma_k + (1 - \lambda_k) \Sigma + \beta I`, where :math:`\Sigma_k` is the
    covariance of its examples, :math:`\Sigma` that of all examples of the task, and
    :math:`\lambda_k = n_k / (n_k + 1)`. The logits are
    :math:`-\frac{1}{2} (f(x) - \mu_k)^\top Q_k^{-1} (f(x) - \mu_k)`.

    Memory and time grow with the square and the cube of the number of features, for every class.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        ridge: The factor :math:`\beta` of the identity, in squared units of the features.

    Raises:
        InputError: The ridge is not positive.

    Example:
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="cat", kind="multiclass", n_outputs=2)
        >>> points = torch.tensor([[-2.0], [2.0], [9.0], [9.0]])  # a wide class and a narrow one
        >>> support = Batch(inputs=points, targets={"cat": torch.tensor([0, 0, 1, 1])})
        >>> predictor = Mahalanobis(nn.Identity()).adapt([task], support)
        >>> task.decide(predictor(torch.tensor([[4.0], [5.0]]))["cat"])
        tensor([0, 1])

    When to use:
        Classes of different spread, with several examples each. With one example a class it
        relies on what is common to all.

    References:
        Bateni, Goyal, Masrani, Wood, Sigal. Improved Few-Shot Visual Classification. CVPR 2020,
        arXiv:1912.03432. Differs: the encoder is any module; the paper's is adapted to the task by FiLM
        layers as in Requeima et al. Fast and Flexible Multi-Task Classification Using Conditional Neural
        Adaptive Processes. NeurIPS 2019, arXiv:1906.07697.
    """

    def __init__(self, encoder: nn.Module, *, ridge: float = 1.0) -> None:
        if not ridge > 0:
            raise InputError(f"`ridge` must be above 0, got {ridge}.")
        super().__init__(encoder)
        self.ridge = ridge

    def summarize(self, features: Tensor, members: Tensor) -> State:
        """Return means ``[class, feature]`` and Cholesky factors ``[class, feature, feature]`` of Q."""
        counts = members.sum(0)  # [class]
        means = class_means(features, members)
        own = _covariances(features, members, means)  # [class, feature, feature]
        labelled = members.sum(1, keepdim=True)  # [support, 1]
        common = _covariances(features, labelled, class_means(features, labelled))  # [1, feature, feature]
        share = (counts / (counts + 1))[:, None, None]  # [class, 1, 1]
        identity = torch.eye(features.shape[1], dtype=features.dtype, device=features.device)
        shapes = share * own + (1 - share) * common + self.ridge * identity
        factors, _ = torch.linalg.cholesky_ex(shapes)  # positive definite by its ridge
        return {"means": means, "factors": factors}

    def logits(self, summary: State, features: Tensor) -> Tensor:
        """Return minus half the squared Mahalanobis distances, ``[query, class]``."""
        offsets = features - summary["means"].unsqueeze(1)  # [class, query, feature]
        # With Q = L L', the distance is the length of the solution of L y = offset.
        solved = torch.linalg.solve_triangular(summary["factors"], offsets.mT, upper=False)
        return -0.5 * solved.square().sum(1).T


def _covariances(features: Tensor, members: Tensor, means: Tensor) -> Tensor:
    """Return the covariance of each group of rows; 0 for a group of one.

    Args:
        features: ``[row, feature]``.
        members: 0 or 1, ``[row, group]``.
        means: ``[group, feature]``.

    Returns:
        ``[group, feature, feature]``.
    """
    offsets = (features - means.unsqueeze(1)) * members.T.unsqueeze(2)  # [group, row, feature]
    return offsets.mT @ offsets / (members.sum(0) - 1).clamp(min=1)[:, None, None]
