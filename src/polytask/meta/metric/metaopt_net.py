"""MetaOptNet: a multi-class support vector machine as the head of a task, differentiated through."""

import torch
from torch import Tensor, nn

from polytask.core import InputError, Task
from polytask.meta.entry import catalogued
from polytask.meta.metric.crammer_singer import crammer_singer_dual
from polytask.meta.metric.solved_head import Labelled, SolvedHead

__all__ = ["MetaOptNet"]


@catalogued("svm", "Lee et al., CVPR 2019, arXiv:1904.03758 (MetaOptNet)", family="metric")
class MetaOptNet(SolvedHead):
    r"""MetaOptNet with a support vector machine.

    The head of a task is Crammer's and Singer's machine on the features of the support,

    .. math:: \min_w \; \tfrac{1}{2} \sum_k \lVert w_k \rVert^2 + C \sum_i \max_k \left(
        w_k^\top f(x_i) - w_{y_i}^\top f(x_i) + [k \ne y_i] \right)

    solved in its dual, where :math:`w_k = \sum_i \alpha_{ik} f(x_i)`; see `crammer_singer_dual`. The logits
    are :math:`s \, w_k^\top f(x)`, with a scale :math:`s` that is learned. The gradient goes through the
    solution by its optimality conditions.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        cost: The factor :math:`C` of the hinge loss: small costs keep the weights small.
        scale: Initial :math:`s`. From 1, margins of 1 leave all classes nearly alike, and training starts
            slowly.
        n_steps: Steps of the solver. 25 suffice unless the cost times the mean squared length of the features
            is above 20,000.

    Raises:
        InputError: The cost or the scale is not positive, or there is no step.

    Example:
        >>> from polytask.core import Batch
        >>> task = Task(name="cat", kind="multiclass", n_outputs=2)
        >>> x = torch.tensor([[-3.0], [-1.0], [1.0], [9.0]])
        >>> support = Batch(inputs=x, targets={"cat": torch.tensor([0, 0, 1, 1])})
        >>> predictor = MetaOptNet(nn.Identity(), cost=10.0).adapt([task], support)
        >>> predictor.state["cat"]["summary"]  # the nearest to each other, -1 and 1, have margins of 1
        tensor([[-0.5000,  0.5000]])

    When to use:
        Many features and five shots or more, where margins pay. A quadratic program in each
        episode makes training slow.

    References:
        Lee, Maji, Ravichandran, Soatto. Meta-Learning with Differentiable Convex Optimization. CVPR 2019,
        arXiv:1904.03758, sections 3.2 and 3.3. Differs: the solver uses that the program falls apart by
        classes but for one sum, and adds 1e-10 of
        its mean to the diagonal of the kernel where the authors' code adds 1; the paper's
        smoothed labels, weight decay and data augmentation are the training's business.
    """

    def __init__(
        self, encoder: nn.Module, *, cost: float = 0.1, scale: float = 7.0, n_steps: int = 25
    ) -> None:
        problems = [
            f"`{name}` must be above 0, got {value}"
            for name, value in (("cost", cost), ("scale", scale))
            if not value > 0
        ]
        if n_steps < 1:
            problems.append(f"`n_steps` must be at least 1, got {n_steps}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__(encoder, kinds=("multiclass",), bias=False)
        self.scale = nn.Parameter(torch.tensor(float(scale)))
        self.cost = cost
        self.n_steps = n_steps

    def solve(self, task: Task, support: Labelled) -> Tensor:
        """Return the weights ``[feature, class]`` of the machine."""
        # A row without label becomes one of zeros, whatever its class: it supports nothing.
        features = support.features * support.known
        first = torch.arange(task.n_outputs, device=features.device) == 0
        members = support.values + (1 - support.known) * first  # [row, class]
        dual = crammer_singer_dual(features, members, self.cost, n_steps=self.n_steps)
        return features.T @ dual

    def scores(self, task: Task, linear: Tensor) -> Tensor:
        """Return the scaled logits."""
        return self.scale * linear
