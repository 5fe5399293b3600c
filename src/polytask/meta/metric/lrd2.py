"""LR-D2: logistic regression as the head of a task, solved by Newton's method and differentiated through."""

import math

import torch
from torch import Tensor, nn

from polytask.core import InputError, Task
from polytask.meta.entry import catalogued
from polytask.meta.metric.solved_head import Labelled, SolvedHead

__all__ = ["LRD2", "logistic_weights"]


@catalogued("logistic", "Bertinetto et al., ICLR 2019, arXiv:1805.08136 (LR-D2)", family="metric")
class LRD2(SolvedHead):
    r"""Logistic regression differentiable discriminator.

    Every output has weights of its own, which reduce the penalized loss of its labels
    :math:`y_i \in \{0, 1\}` on the support,

    .. math:: \frac{\lambda}{2} \lVert w \rVert^2 - \sum_i \left[ y_i \log \sigma(f(x_i) w)
        + (1 - y_i) \log \sigma(-f(x_i) w) \right]

    by steps of Newton's method from 0, which is also known as iteratively reweighted least squares. The
    prediction is :math:`f(x) w`, a logit. Several classes are fitted one against the rest.

    The gradient goes through the steps; :math:`\lambda` is learned with the encoder.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        ridge: Initial :math:`\lambda`, in squared units of the features.
        n_steps: Steps of Newton's method.
        bias: Whether a feature of constant 1 is added; its weight is penalized as the others are.

    Raises:
        InputError: The ridge is not positive, or there is no step.

    Example:
        >>> from polytask.core import Batch
        >>> task = Task(name="tall", kind="binary")
        >>> x = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]])
        >>> support = Batch(inputs=x, targets={"tall": torch.tensor([0, 0, 1, 1])})
        >>> predictor = LRD2(nn.Identity()).adapt([task], support)
        >>> task.decide(predictor(torch.tensor([[-0.1], [0.1]]))["tall"])
        tensor([0., 1.])

    When to use:
        As `R2D2` with the logistic loss, where probabilities matter. An iterative solver in each
        episode.

    References:
        Bertinetto, Henriques, Torr, Vedaldi. Meta-learning with differentiable closed-form solvers. ICLR
        2019, arXiv:1805.08136, section 3.2. Differs: the steps are written so that no weight
        :math:`\sigma (1 - \sigma)` is divided by, as it may round to 0; what is learned of :math:`\lambda` is
        its logarithm. The paper has two classes; several, and multilabel tasks, are added.
    """

    def __init__(
        self, encoder: nn.Module, *, ridge: float = 1.0, n_steps: int = 5, bias: bool = True
    ) -> None:
        problems = []
        if not ridge > 0:
            problems.append(f"`ridge` must be above 0, got {ridge}")
        if n_steps < 1:
            problems.append(f"`n_steps` must be at least 1, got {n_steps}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__(encoder, kinds=("multiclass", "binary", "multilabel"), bias=bias)
        self.log_ridge = nn.Parameter(torch.tensor(math.log(ridge)))
        self.n_steps = n_steps

    def solve(self, task: Task, support: Labelled) -> Tensor:
        """Return the weights ``[feature, output]`` after the steps."""
        return logistic_weights(
            support.features, support.values, support.known, self.log_ridge.exp(), n_steps=self.n_steps
        )

    def scores(self, task: Task, linear: Tensor) -> Tensor:
        """Return the linear outputs, which are logits."""
        return linear


def logistic_weights(
    features: Tensor, values: Tensor, known: Tensor, ridge: Tensor, *, n_steps: int
) -> Tensor:
    r"""Solve penalized logistic regressions by Newton's method from 0, all outputs at once.

    With fewer rows than features, the weights are sought as :math:`X^\top a`, where the systems have the
    size of the rows: :math:`(S K + \lambda I) a' = S K a + y - \sigma`, with :math:`K = X X^\top` and
    :math:`S` the diagonal of :math:`\sigma (1 - \sigma)`.

    Args:
        features: ``[row, feature]``.
        values: 0 or 1, ``[row, output]``.
        known: 1.0 where a value counts, else 0: ``[row, 1]`` or ``[row, output]``.
        ridge: The factor :math:`\lambda`, a positive scalar.
        n_steps: How many steps.

    Returns:
        The weights ``[feature, output]``.

    Example:
        >>> x, y = torch.tensor([[1.0]]), torch.tensor([[1.0]])
        >>> w = logistic_weights(x, y, torch.ones(1, 1), torch.tensor(1.0), n_steps=10)
        >>> torch.allclose(w, 1 - w.sigmoid())  # where the derivative is 0
        True
    """
    n_rows, n_features = features.shape
    dual = n_rows < n_features
    # The design is K in the dual, and what is solved for is a there, and w else.
    design = features @ features.T if dual else features  # [row, unknown]
    penalty = ridge * torch.eye(design.shape[1], dtype=features.dtype, device=features.device)
    y, counts = values.T.unsqueeze(-1), known.T.unsqueeze(-1)  # [output, row, 1], [1 or output, row, 1]
    solved = features.new_zeros(values.shape[1], design.shape[1], 1)  # [output, unknown, 1]
    for _ in range(n_steps):
        linear = design @ solved  # [output, row, 1]
        probability = linear.sigmoid()
        curvature = counts * probability * (1 - probability)
        target = curvature * linear + counts * (y - probability)  # [output, row, 1]
        if dual:
            solved = torch.linalg.solve(curvature * design + penalty, target)
        else:
            solved = torch.linalg.solve(design.T @ (curvature * design) + penalty, design.T @ target)
    weights = solved.squeeze(-1).T  # [unknown, output]
    return features.T @ weights if dual else weights
