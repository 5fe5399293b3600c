"""R2D2: ridge regression as the head of a task, solved in closed form and differentiated through."""

import math

import torch
from torch import Tensor, nn

from polytask.core import InputError, Task
from polytask.meta.entry import catalogued
from polytask.meta.metric.solved_head import Labelled, SolvedHead

__all__ = ["R2D2", "ridge_weights"]


@catalogued("ridge", "Bertinetto et al., ICLR 2019, arXiv:1805.08136 (R2D2)", family="metric")
class R2D2(SolvedHead):
    r"""Ridge regression differentiable discriminator.

    With the features :math:`X` of the support, one row an example, and their labels :math:`Y`,

    .. math:: W = (X^\top X + \lambda I)^{-1} X^\top Y = X^\top (X X^\top + \lambda I)^{-1} Y

    where the smaller of the two systems is solved. For classes, :math:`Y` is one-hot and the logits are
    :math:`\alpha f(x) W + \beta`; for binary and multilabel tasks :math:`Y` is -1 or 1 instead. For a
    regression :math:`f(x) W` itself is the answer: ridge regression on learned features.

    :math:`\lambda, \alpha, \beta` are learned with the encoder.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        ridge: Initial :math:`\lambda`, in squared units of the features.
        scale: Initial :math:`\alpha`. From 1, where one-hot labels leave all classes nearly alike, training
            starts slowly.
        offset: Initial :math:`\beta`, which makes no difference where logits are compared with each other.
        bias: Whether a feature of constant 1 is added; its weight is penalized as the others are.

    Raises:
        InputError: The ridge or the scale is not positive.

    Example:
        >>> from polytask.core import Batch
        >>> task = Task(name="y", kind="regression")
        >>> x = torch.tensor([[0.0], [1.0], [2.0]])
        >>> support = Batch(inputs=x, targets={"y": torch.tensor([1.0, 3.0, 5.0])})
        >>> predictor = R2D2(nn.Identity(), ridge=1e-4).adapt([task], support)
        >>> predictor(torch.tensor([[10.0]]))["y"].round(decimals=2)
        tensor([[21.]])

    When to use:
        Five examples or more a class, or regression: a ridge in closed form uses how features
        vary together. With one example a class it has little to go by.

    References:
        Bertinetto, Henriques, Torr, Vedaldi. Meta-learning with differentiable closed-form solvers. ICLR
        2019, arXiv:1805.08136, section 3.1. Differs: what is learned of :math:`\lambda` is its logarithm, so
        that it stays positive. Binary, multilabel and regression tasks are added.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        ridge: float = 1.0,
        scale: float = 10.0,
        offset: float = 0.0,
        bias: bool = True,
    ) -> None:
        problems = [
            f"`{name}` must be above 0, got {value}"
            for name, value in (("ridge", ridge), ("scale", scale))
            if not value > 0
        ]
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__(encoder, kinds=("multiclass", "binary", "multilabel", "regression"), bias=bias)
        self.log_ridge = nn.Parameter(torch.tensor(math.log(ridge)))
        self.scale = nn.Parameter(torch.tensor(float(scale)))
        self.offset = nn.Parameter(torch.tensor(float(offset)))

    def solve(self, task: Task, support: Labelled) -> Tensor:
        """Return the ridge regression ``[feature, output]`` of the labels on the features."""
        values = support.values
        if task.kind in ("binary", "multilabel"):
            values = support.known * (2 * values - 1)
        return ridge_weights(support.features, values, support.known, self.log_ridge.exp())

    def scores(self, task: Task, linear: Tensor) -> Tensor:
        """Return what was fitted for a regression, and scaled logits otherwise."""
        return linear if task.kind == "regression" else self.scale * linear + self.offset


def ridge_weights(features: Tensor, values: Tensor, known: Tensor, ridge: Tensor) -> Tensor:
    r"""Solve ridge regression, by the normal equations or, with fewer rows than features, their dual.

    Args:
        features: ``[row, feature]``.
        values: ``[row, output]``.
        known: 1.0 where a value counts, else 0: ``[row, 1]``, or ``[row, output]`` where outputs
            differ in it.
        ridge: The factor of the squared length of the weights, a positive scalar.

    Returns:
        The weights ``[feature, output]``.

    Example:
        >>> ridge_weights(torch.eye(2), torch.eye(2), torch.ones(2, 1), torch.tensor(1.0))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.5000]])
    """
    n_rows, n_features = features.shape
    # A row that does not count becomes a row of zeros, which changes no solution.
    x = features * known.T.unsqueeze(-1)  # [group, row, feature]
    y = values.T.unsqueeze(-1) if known.shape[1] > 1 else values.unsqueeze(0)  # [group, row, output / group]
    identity = torch.eye(min(n_rows, n_features), dtype=features.dtype, device=features.device)
    if n_rows < n_features:
        weights = x.mT @ torch.linalg.solve(x @ x.mT + ridge * identity, y)
    else:
        weights = torch.linalg.solve(x.mT @ x + ridge * identity, x.mT @ y)
    return weights.transpose(0, 1).flatten(1)  # from [group, feature, output / group]
