"""LaplacianShot: nearest prototype, where queries that are near each other get like answers."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import InputError
from polytask.meta.entry import catalogued
from polytask.meta.layers.class_means import class_means
from polytask.meta.metric.bd_cspn import rectified
from polytask.meta.metric.feature_classifier import squared_distances
from polytask.meta.metric.transductive import TransductiveClassifier

__all__ = ["LaplacianShot"]


@catalogued(
    "laplacian-shot",
    "Ziko et al., ICML 2020, arXiv:2006.15486",
    family="metric",
    transductive=True,
    pretraining_head=nn.Linear,
)
class LaplacianShot(TransductiveClassifier):
    r"""Laplacian-regularized few-shot classification.

    With the squared distances :math:`a_{qk}` of unit features to the prototypes and
    :math:`w_{qp} = 1` where query :math:`p` is among the nearest neighbours of query :math:`q`, the answers
    :math:`y_q` start at :math:`\mathrm{softmax}(-a_q)` and follow

    .. math:: y_q \leftarrow \mathrm{softmax} \bigl( -a_q + \lambda \sum_p w_{qp} y_p \bigr)

    which lowers a bound on the distances plus the Laplacian energy of the answers. The logits are what stands
    in the last softmax.

    The paper's features are centred at the mean of the base classes: wrap the encoder in `Centered`.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        n_neighbours: Nearest other queries of a query.
        smoothness: The weight :math:`\lambda`. The paper has no default but chooses it from 0.1 to 1.5 by
            validation; a large one needs many queries of each class.
        n_steps: Updates of the answers.
        rectify: Whether prototypes and queries are rectified as in `BDCSPN`, with its defaults.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="cat", kind="multiclass", n_outputs=2)
        >>> support = Batch(inputs=torch.eye(2), targets={"cat": torch.arange(2)})
        >>> queries = torch.tensor([[3.0, 1.0], [1.0, 3.0], [1.0, 4.0]])
        >>> task.decide(LaplacianShot(nn.Identity(), n_neighbours=1).adapt([task], support)(queries)["cat"])
        tensor([0, 1, 1])

    When to use:
        As `TIM` without any training: neighbours among the queries should be alike.

    References:
        Ziko, Dolz, Granger, Ben Ayed. Laplacian Regularized Few-Shot Learning. ICML 2020, arXiv:2006.15486,
        algorithm 1. Differs: the number of updates is fixed, not until the bound stands still.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        n_neighbours: int = 3,
        smoothness: float = 0.3,
        n_steps: int = 20,
        rectify: bool = True,
    ) -> None:
        problems = []
        if n_neighbours < 1:
            problems.append(f"`n_neighbours` must be at least 1, got {n_neighbours}")
        if not smoothness >= 0:
            problems.append(f"`smoothness` must be 0 or more, got {smoothness}")
        if n_steps < 0:
            problems.append(f"`n_steps` must be 0 or more, got {n_steps}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__(encoder)
        self.n_neighbours = n_neighbours
        self.smoothness = smoothness
        self.n_steps = n_steps
        self.rectify = rectify

    def assign(self, support: Tensor, members: Tensor, queries: Tensor) -> Tensor:
        """Update the answers together and return their logits, ``[query, class]``."""
        support, queries = functional.normalize(support), functional.normalize(queries)
        prototypes = class_means(support, members)  # [class, feature]
        if self.rectify:
            prototypes, queries = rectified(support, members, queries, n_pseudo=8, scale=10.0)
        near = -squared_distances(queries, prototypes)  # [query, class]
        neighbours = _neighbours(queries, self.n_neighbours)  # [query, query]
        logits = near
        for _ in range(self.n_steps):
            logits = near + self.smoothness * neighbours @ logits.softmax(1)
        return logits


def _neighbours(features: Tensor, n_neighbours: int) -> Tensor:
    """Return 1.0 where a column is among the nearest other rows of a row, else 0: ``[row, row]``."""
    n_rows = len(features)
    distances = squared_distances(features, features)
    itself = torch.eye(n_rows, dtype=torch.bool, device=features.device)
    nearness = torch.where(itself, float("-inf"), -distances)
    best = nearness.topk(min(n_neighbours, n_rows - 1), dim=1).indices  # [row, neighbour]
    return torch.zeros_like(distances).scatter(1, best, 1.0)
