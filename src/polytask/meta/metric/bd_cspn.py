"""BD-CSPN: prototypes rectified by the queries that are surely theirs."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import InputError
from polytask.meta.entry import catalogued
from polytask.meta.layers.class_means import class_means
from polytask.meta.metric.cosine_head import cosine_logits
from polytask.meta.metric.transductive import TransductiveClassifier

__all__ = ["BDCSPN", "rectified"]


@catalogued(
    "bd-cspn",
    "Liu et al., ECCV 2020, arXiv:1911.10713",
    family="metric",
    transductive=True,
    pretraining_head=nn.Linear,
)
class BDCSPN(TransductiveClassifier):
    r"""Bias-diminishing cosine-similarity prototypes.

    Two biases of a small support are taken away. Across classes: queries are shifted by
    :math:`\bar z_S - \bar z_Q`, the difference of the mean unit features of support and queries. Within a
    class: its prototype :math:`p_k` becomes the mean of its support and of the up to :math:`Z` queries that
    are most surely of it, weighted by :math:`\mathrm{softmax}_x \, \epsilon \cos(z_x, p_k)`. The logits are
    :math:`\epsilon \cos(z, p_k)`.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here; trained with a `CosineHead` on the
            base classes, see `Baseline`.
        n_pseudo: Queries :math:`Z` that a class takes up at most.
        scale: The factor :math:`\epsilon` on the cosine.

    Raises:
        InputError: A number is not positive.

    Example:
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="cat", kind="multiclass", n_outputs=2)
        >>> support = Batch(inputs=torch.eye(2), targets={"cat": torch.arange(2)})
        >>> queries = torch.tensor([[3.0, 1.0], [1.0, 3.0], [1.0, 4.0]])
        >>> task.decide(BDCSPN(nn.Identity()).adapt([task], support)(queries)["cat"])
        tensor([0, 1, 1])

    When to use:
        As `TIM`, the simplest: prototypes move towards sure queries. Two passes, no optimization.

    References:
        Liu, Song, Qin. Prototype Rectification for Few-Shot Learning. ECCV 2020, arXiv:1911.10713. Differs:
        features are scaled to unit length first, so that a long one counts no more than others.
    """

    def __init__(self, encoder: nn.Module, *, n_pseudo: int = 8, scale: float = 10.0) -> None:
        problems = []
        if n_pseudo < 1:
            problems.append(f"`n_pseudo` must be at least 1, got {n_pseudo}")
        if not scale > 0:
            problems.append(f"`scale` must be above 0, got {scale}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__(encoder)
        self.n_pseudo = n_pseudo
        self.scale = scale

    def assign(self, support: Tensor, members: Tensor, queries: Tensor) -> Tensor:
        """Rectify the prototypes, then answer: ``[query, class]``."""
        support, queries = functional.normalize(support), functional.normalize(queries)
        prototypes, shifted = rectified(support, members, queries, n_pseudo=self.n_pseudo, scale=self.scale)
        return cosine_logits(shifted, prototypes, self.scale)


def rectified(
    support: Tensor, members: Tensor, queries: Tensor, *, n_pseudo: int, scale: float
) -> tuple[Tensor, Tensor]:
    """Return rectified prototypes ``[class, feature]`` and shifted queries ``[query, feature]``.

    Args:
        support: Features, ``[support, feature]``.
        members: 1.0 where an example of the support is of a class, else 0, ``[support, class]``.
        queries: Features, ``[query, feature]``.
        n_pseudo: Queries that a class takes up at most.
        scale: The factor on the cosine.
    """
    labelled = members.sum(1, keepdim=True)  # [support, 1]
    queries = queries + class_means(support, labelled) - queries.mean(0)
    prototypes = class_means(support, members)
    rows = torch.cat([support, queries])
    scores = cosine_logits(rows, prototypes, scale)  # [row, class]
    chosen = _surest(scores[len(support) :], n_pseudo)  # [query, class]
    belongs = torch.cat([members > 0, chosen])  # [row, class]
    weights = torch.where(belongs, scores, torch.finfo(scores.dtype).min).softmax(0)
    return weights.T @ rows, queries


def _surest(scores: Tensor, n_chosen: int) -> Tensor:
    """Choose for every class the queries that are surest of it among those that it wins: bool, as scores."""
    probabilities = scores.softmax(1)  # [query, class]
    won = probabilities == probabilities.max(1, keepdim=True).values
    sure = torch.where(won, probabilities, 0.0)
    best = sure.topk(min(n_chosen, len(sure)), dim=0).indices  # [chosen, class]
    return torch.zeros_like(sure).scatter(0, best, 1.0).bool() & won
