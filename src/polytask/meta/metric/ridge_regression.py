"""Ridge regression with a free intercept as the head of a regression task, on learned features."""

import math

import torch
from torch import Tensor, nn

from polytask.core import InputError, Task
from polytask.meta.metric.r2d2 import ridge_weights
from polytask.meta.metric.solved_head import Labelled, SolvedHead

__all__ = ["RidgeRegression"]


class RidgeRegression(SolvedHead):
    r"""Ridge regression of few labels on learned features, differentiated through.

    With the means :math:`\bar x, \bar y` of the support's features and labels,

    .. math:: W = (X_c^\top X_c + \lambda I)^{-1} X_c^\top Y_c, \qquad f(x) = \bar y + (x - \bar x) W

    where :math:`X_c, Y_c` are centered. `R2D2` penalizes the intercept with the other weights, which draws
    the answers of a task to 0; here it is free. So the answers follow any shift and scale of a task's target,
    and standardizing it by its support would change nothing. One label alone gives its own value. Where the
    levels of tasks are alike, a penalized intercept on standardized targets is the better choice.

    :math:`\lambda` is learned with the encoder.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        penalty: Initial :math:`\lambda`, in squared units of the features, summed over the support.

    Raises:
        InputError: The penalty is not positive.

    Example:
        >>> from polytask.core import Batch
        >>> task = Task(name="y", kind="regression")
        >>> x = torch.tensor([[0.0], [1.0], [2.0]])
        >>> support = Batch(inputs=x, targets={"y": torch.tensor([101.0, 103.0, 105.0])})
        >>> predictor = RidgeRegression(nn.Identity(), penalty=1e-4).adapt([task], support)
        >>> predictor(torch.tensor([[10.0]]))["y"].round(decimals=2)
        tensor([[121.]])

    When to use:
        Few labels of a new regression task, on features that known tasks taught. The strength is
        learned for the number of labels in training.

    References:
        Bertinetto, Henriques, Torr, Vedaldi. Meta-learning with differentiable closed-form solvers. ICLR
        2019, arXiv:1805.08136, section 3.1. Differs: the intercept, and that the logarithm of the
        penalty is learned, so that it stays positive.
    """

    def __init__(self, encoder: nn.Module, *, penalty: float = 1.0) -> None:
        if not penalty > 0:
            raise InputError(f"`penalty` must be above 0, got {penalty}.")
        super().__init__(encoder, kinds=("regression",), bias=True)
        self.log_penalty = nn.Parameter(torch.tensor(math.log(penalty)))

    def solve(self, task: Task, support: Labelled) -> Tensor:
        """Return slopes and, in the last row, intercepts: ``[feature + 1, output]``."""
        features, penalty = support.features[:, :-1], self.log_penalty.exp()  # without the feature of ones
        # Outputs with labels of their own have means of their own, even of the features.
        n_groups = support.known.shape[1]
        solved = [
            _regression(features, values, known, penalty)
            for values, known in zip(
                support.values.tensor_split(n_groups, 1), support.known.split(1, 1), strict=True
            )
        ]
        return torch.cat(solved, dim=1)

    def scores(self, task: Task, linear: Tensor) -> Tensor:
        """Return what was fitted."""
        return linear


def _regression(features: Tensor, values: Tensor, known: Tensor, penalty: Tensor) -> Tensor:
    """Regress values ``[row, output]`` on the features of the rows that count: ``[feature + 1, output]``."""
    share = known / known.sum().clamp(min=1)
    middle, level = share.T @ features, share.T @ values  # [1, feature], [1, output]
    slopes = ridge_weights(features - middle, known * (values - level), known, penalty)
    return torch.cat([slopes, level - middle @ slopes])
