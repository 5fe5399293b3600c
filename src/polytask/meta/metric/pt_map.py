"""PT-MAP: features made more Gaussian, then classes and queries matched by optimal transport."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import InputError
from polytask.meta.entry import catalogued
from polytask.meta.layers.class_means import class_means
from polytask.meta.metric.feature_classifier import squared_distances
from polytask.meta.metric.transductive import TransductiveClassifier

__all__ = ["PTMAP", "power_transform", "sinkhorn"]


@catalogued(
    "pt-map",
    "Hu et al., ICANN 2021, arXiv:2006.03806",
    family="metric",
    transductive=True,
    pretraining_head=nn.Linear,
)
class PTMAP(TransductiveClassifier):
    r"""Power transform and maximum a posteriori by Sinkhorn transport.

    Features are raised to the power :math:`\beta`, scaled to unit length, centred (support and queries each
    at their own mean) and scaled again. Class centres :math:`\mu_k` start at the means of the support. Then,
    in turn, the queries are shared among the classes by the plan :math:`M` of the optimal transport with
    costs :math:`\lVert z_q - \mu_k \rVert^2` and entropic regularization :math:`\lambda`, and the centres
    move towards the means of what is theirs, :math:`\mu \leftarrow \mu + \alpha (\mu_M - \mu)`. The logits
    are :math:`\log M`.

    The plan gives every class the same number of queries, so the method knows that they are balanced, which
    is more than others are told. Where they are not, accuracy suffers.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here; best not negative, as after a ReLU.
        power: The power :math:`\beta`.
        regularization: The factor :math:`\lambda` on the costs: the larger, the more decided the plan.
        rate: The rate :math:`\alpha` of the centres.
        n_steps: Movements of the centres.
        n_sinkhorn: Iterations for a plan.
        center: Whether features are centred.

    Raises:
        InputError: A number is out of range; on answering, there are fewer queries than classes.

    Example:
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="cat", kind="multiclass", n_outputs=2)
        >>> support = Batch(inputs=torch.eye(2), targets={"cat": torch.arange(2)})
        >>> queries = torch.tensor([[4.0, 1.0], [3.0, 2.0]])  # one of each class, as the plan has it
        >>> task.decide(PTMAP(nn.Identity()).adapt([task], support)(queries)["cat"])
        tensor([0, 1])

    When to use:
        As `TIM` with equally many queries a class, which it assumes strictly; then the strongest
        here in the 1-shot case. Wrong shares cost it dearly.

    References:
        Hu, Gripon, Pateux. Leveraging the Feature Distribution in Transfer-based Few-Shot Learning. ICANN
        2021, arXiv:2006.03806, algorithm 1; centring as in the authors' code. Differs: the number of Sinkhorn
        iterations is fixed; a negative feature keeps its sign under the power, where the paper has none.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        power: float = 0.5,
        regularization: float = 10.0,
        rate: float = 0.2,
        n_steps: int = 20,
        n_sinkhorn: int = 100,
        center: bool = True,
    ) -> None:
        positive = {"power": power, "regularization": regularization, "rate": rate, "n_sinkhorn": n_sinkhorn}
        problems = [f"`{name}` must be above 0, got {v}" for name, v in positive.items() if not v > 0]
        if n_steps < 0:
            problems.append(f"`n_steps` must be 0 or more, got {n_steps}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__(encoder)
        self.power = power
        self.regularization = regularization
        self.rate = rate
        self.n_steps = n_steps
        self.n_sinkhorn = n_sinkhorn
        self.center = center

    def assign(self, support: Tensor, members: Tensor, queries: Tensor) -> Tensor:
        """Match classes and queries in turns; return the log of the last plan, ``[query, class]``."""
        if len(queries) < members.shape[1]:
            raise InputError(
                f"PTMAP shares the queries of a batch equally among the classes, but got {len(queries)} "
                f"queries for {members.shape[1]} classes; ask all queries in one batch."
            )
        support, queries = (functional.normalize(power_transform(f, self.power)) for f in (support, queries))
        if self.center:
            labelled = members.sum(1, keepdim=True)  # [support, 1]
            support = functional.normalize(support - class_means(support, labelled))
            queries = functional.normalize(queries - queries.mean(0))
        sums, counts = members.T @ support, members.sum(0).unsqueeze(1)  # [class, feature or 1]
        centres = sums / counts.clamp(min=1)
        for _ in range(self.n_steps):
            plan = self._log_plan(queries, centres).exp()  # [query, class]
            means = (sums + plan.T @ queries) / (counts + plan.sum(0).unsqueeze(1))
            centres = centres + self.rate * (means - centres)
        return self._log_plan(queries, centres)

    def _log_plan(self, queries: Tensor, centres: Tensor) -> Tensor:
        costs = squared_distances(queries, centres)
        return sinkhorn(-self.regularization * costs, self.n_sinkhorn)


def power_transform(features: Tensor, power: float, *, epsilon: float = 1e-6) -> Tensor:
    r"""Return :math:`\mathrm{sign}(f) (\lvert f \rvert + \epsilon)^\beta`, with the sign of 0 taken for 1.

    Example:
        >>> power_transform(torch.tensor([4.0, -9.0]), 0.5).round()
        tensor([ 2., -3.])
    """
    raised = (features.abs() + epsilon) ** power
    return torch.where(features >= 0, raised, -raised)


def sinkhorn(scores: Tensor, n_iterations: int) -> Tensor:
    r"""Return the log of the plan :math:`u_q \exp(s_{qk}) v_k` with rows of sum 1 and columns of equal sums.

    Runs in logarithms, so that no entry underflows. Rows are scaled last: their sums are exact.

    Args:
        scores: ``[row, column]``.
        n_iterations: How often columns and rows are scaled.

    Example:
        >>> sinkhorn(torch.zeros(4, 2), 1).exp()[0]
        tensor([0.5000, 0.5000])
    """
    share = math.log(scores.shape[0] / scores.shape[1])
    for _ in range(n_iterations):
        scores = scores - scores.logsumexp(0, keepdim=True) + share
        scores = scores - scores.logsumexp(1, keepdim=True)
    return scores
