"""TIM: a head that makes what it says of the queries informative about them."""

import math

from torch import Tensor, nn
from torch.nn import functional

from polytask.core import InputError
from polytask.meta.adaptation.rules.adam import Adam
from polytask.meta.adaptation.rules.rule import InnerStep, UpdateRule
from polytask.meta.entry import catalogued
from polytask.meta.layers.class_means import class_means
from polytask.meta.metric.feature_classifier import squared_distances
from polytask.meta.metric.transductive import TransductiveClassifier

__all__ = ["TIM"]


@catalogued(
    "tim",
    "Boudiaf et al., NeurIPS 2020, arXiv:2008.11297",
    family="metric",
    build=lambda learner, task: learner(task.encoder(), n_steps=task.steps(100)),
    transductive=True,
    pretraining_head=nn.Linear,
    inner=("inner_steps",),
)
class TIM(TransductiveClassifier):
    r"""Transductive information maximization by gradient descent (TIM-GD).

    With unit features :math:`z` and class points :math:`w_k`, which start at the class means of the support,
    :math:`p(k \mid x) \propto \exp(-\frac{\tau}{2} \lVert w_k - z \rVert^2)`. The points are moved to make
    small

    .. math:: \lambda \, \mathrm{CE}(S) - H(\bar p) + \alpha \, \mathrm{mean}_{x \in Q} \, H(p(x))

    with the cross-entropy on the support, the entropy of the mean answer :math:`\bar p` to the queries, which
    spreads them over the classes, and the mean entropy of an answer, which makes it decided. The spread is a
    hindrance where the classes are far from equally frequent among the queries.

    The gradient is a formula, so answers need no autograd. An objective can be differentiated through all
    steps, but the paper trains the encoder beforehand, see `Baseline`. The paper's 1000 small steps are made
    for every batch of queries; fewer and larger ones, such as 100 of ``Adam(1e-3)``, answer faster.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        n_steps: Steps for each batch of queries.
        rule: Makes a step from a gradient; None means ``Adam(1e-4)``.
        temperature: The factor :math:`\tau`.
        support_weight: The weight :math:`\lambda` of the cross-entropy.
        conditional_weight: The weight :math:`\alpha` of the mean entropy.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> import torch
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="cat", kind="multiclass", n_outputs=2)
        >>> support = Batch(inputs=torch.eye(2), targets={"cat": torch.arange(2)})
        >>> learner = TIM(nn.Identity(), n_steps=10)
        >>> task.decide(learner.adapt([task], support)(torch.tensor([[3.0, 1.0], [1.0, 3.0]]))["cat"])
        tensor([0, 1])

    When to use:
        All queries of a task known at once, and about equally many of each class: it uses what
        they tell. Both must hold in use, too.

    References:
        Boudiaf, Ziko, Rony, Dolz, Piantanida, Ben Ayed. Transductive Information Maximization For Few-Shot
        Learning. NeurIPS 2020, arXiv:2008.11297.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        n_steps: int = 1000,
        rule: UpdateRule | None = None,
        temperature: float = 15.0,
        support_weight: float = 0.1,
        conditional_weight: float = 0.1,
    ) -> None:
        problems = []
        if n_steps < 0:
            problems.append(f"`n_steps` must be 0 or more, got {n_steps}")
        if not temperature > 0:
            problems.append(f"`temperature` must be above 0, got {temperature}")
        weights = {"support_weight": support_weight, "conditional_weight": conditional_weight}
        problems += [
            f"`{n}` must be 0 or more, got {value}" for n, value in weights.items() if not value >= 0
        ]
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__(encoder)
        self.rule = rule or Adam(1e-4)
        self.n_steps = n_steps
        self.temperature = temperature
        self.support_weight = support_weight
        self.conditional_weight = conditional_weight

    def assign(self, support: Tensor, members: Tensor, queries: Tensor) -> Tensor:
        """Move the class points, then answer: ``[query, class]``."""
        support, queries = functional.normalize(support), functional.normalize(queries)
        parameters = {"points": class_means(support, members)}  # [class, feature]
        memory = self.rule.optimizer_state(parameters)
        for index in range(self.n_steps):
            loss, gradient = self._descent(parameters["points"], support, members, queries)
            step = InnerStep(index=index, parameters=parameters, gradients={"points": gradient}, loss=loss)
            parameters, memory = self.rule(step, memory)
        return self._scores(queries, parameters["points"])

    def _scores(self, features: Tensor, points: Tensor) -> Tensor:
        return -0.5 * self.temperature * squared_distances(features, points)  # [row, class]

    def _descent(
        self, points: Tensor, support: Tensor, members: Tensor, queries: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the loss, a scalar, and its gradient by the points, ``[class, feature]``."""
        known = self._scores(support, points).log_softmax(1)  # [support, class]
        asked = self._scores(queries, points).log_softmax(1)  # [query, class]
        answers = asked.exp()
        n_labels, n_queries = members.sum().clamp(min=1), len(queries)
        marginal = asked.logsumexp(0) - math.log(n_queries)  # log of the mean answer, [class]
        cross_entropy = -(members * known).sum() / n_labels
        conditional = -(answers * asked).sum() / n_queries
        loss = (
            self.support_weight * cross_entropy
            + (marginal.exp() * marginal).sum()
            + self.conditional_weight * conditional
        )
        # By the scores: of the cross-entropy (p - y), of both entropies p times a centred slope.
        by_known = self.support_weight * (known.exp() * members.sum(1, keepdim=True) - members) / n_labels
        slopes = marginal - self.conditional_weight * asked  # [query, class]
        by_asked = answers * (slopes - (answers * slopes).sum(1, keepdim=True)) / n_queries
        # By the points: the slope of a score is the temperature times (feature - point).
        pulls = by_known.T @ support + by_asked.T @ queries  # [class, feature]
        totals = (by_known.sum(0) + by_asked.sum(0)).unsqueeze(1)  # [class, 1]
        return loss, self.temperature * (pulls - totals * points)
