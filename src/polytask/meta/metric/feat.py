"""FEAT: prototypes that look at each other before they are compared with a query."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from polytask.core import Batch, InputError, Task
from polytask.core.batch import query_objectives
from polytask.core.learner import State
from polytask.meta.entry import catalogued
from polytask.meta.layers.attention import attention_scores
from polytask.meta.layers.class_means import check_classes, class_means, membership
from polytask.meta.layers.full_precision import full_precision, widened
from polytask.meta.metric.feature_classifier import FeatureClassifier, squared_distances

__all__ = ["FEAT", "SetTransformer"]


@catalogued(
    "feat",
    "Ye et al., CVPR 2020, arXiv:1812.03664",
    family="metric",
    build=lambda learner, task: learner(task.encoder(), task.n_features, temperature=1.0),
)
class FEAT(FeatureClassifier):
    r"""Few-shot embedding adaptation with a transformer over the set of prototypes.

    The class means :math:`c_k` of the support are adapted together, :math:`\{p_k\} = T(\{c_k\})`, so that
    they tell the classes of this very task apart; the logits are
    :math:`-\lVert f(x) - p_k \rVert^2 / \tau`.

    Training may add :math:`\lambda` times a contrast: :math:`T` is applied to the labelled examples of each
    class alone, support and query, the results are averaged to a centre, and each of these examples is
    classified by its distance to the centres, as above.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here; the paper's is trained on the base
            classes beforehand, see `Baseline`.
        n_features: How many features that are.
        temperature: The divisor :math:`\tau` of the squared distances.
        contrast: The weight :math:`\lambda` of the contrast; 0 leaves it out.
        dropout: In the transformer, in training.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> task = Task(name="cat", kind="multiclass", n_outputs=3)
        >>> support = Batch(inputs=torch.eye(3, 8), targets={"cat": torch.arange(3)})
        >>> predictor = FEAT(nn.Identity(), 8).adapt([task], support)
        >>> predictor(torch.zeros(5, 8))["cat"].shape
        torch.Size([5, 3])

    When to use:
        Where the classes of a task should be seen together before comparing, with pretrained
        features. An attention to train; gains are small on easy tasks.

    References:
        Ye, Hu, Zhan, Sha. Few-Shot Learning via Embedding Adaptation with Set-to-Set Functions. CVPR 2020,
        arXiv:1812.03664. The contrast follows the authors' code, where the examples themselves are not
        adapted. Differs: one temperature serves both terms, and one dropout serves attention and output.
    """

    def __init__(
        self,
        encoder: nn.Module,
        n_features: int,
        *,
        temperature: float = 64.0,
        contrast: float = 0.0,
        dropout: float = 0.5,
    ) -> None:
        problems = []
        if n_features < 1:
            problems.append(f"`n_features` must be at least 1, got {n_features}")
        if not temperature > 0:
            problems.append(f"`temperature` must be above 0, got {temperature}")
        if not contrast >= 0:
            problems.append(f"`contrast` must be 0 or more, got {contrast}")
        if not 0 <= dropout < 1:
            problems.append(f"`dropout` must be at least 0 and below 1, got {dropout}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__(encoder)
        self.adaptation = SetTransformer(n_features, dropout=dropout)
        self.temperature = temperature
        self.contrast = contrast
        self.objective_is_loss = contrast == 0

    def summarize(self, features: Tensor, members: Tensor) -> State:
        """Return the adapted class means, ``[class, feature]``."""
        return {"prototypes": self._adapted(class_means(features, members))}

    def logits(self, summary: State, features: Tensor) -> Tensor:
        """Return minus the squared distances over the temperature, ``[query, class]``."""
        return -squared_distances(features, summary["prototypes"]) / self.temperature

    def forward(self, tasks: Sequence[Task], support: Batch, query: Batch) -> Tensor:
        """Return the summed objective of the tasks and their contrasts, a scalar."""
        if not self.contrast:
            return super().forward(tasks, support, query)
        for task in tasks:
            check_classes(type(self).__name__, task, support)
        known, asked = self.encode(support.inputs), self.encode(query.inputs)  # [support or query, feature]
        predictions, contrasts = {}, []
        with full_precision(known):
            for task in tasks:
                members = membership(task, support).to(known.dtype)
                predictions[task.name] = self.logits(self.summarize(known, members), asked)
                if task.name in query.targets:
                    both = torch.cat([members, membership(task, query).to(known.dtype)])  # [row, class]
                    contrasts.append(self._contrast(torch.cat([known, asked]), both))
            losses = list(query_objectives(tasks, predictions, query).values())
            return torch.stack(losses).sum() + self.contrast * torch.stack(contrasts).sum()

    def _adapted(self, rows: Tensor, groups: Tensor | None = None) -> Tensor:
        """Adapt rows by a network that may have 16 bits."""
        return widened(self.adaptation(rows.to(self.adaptation.to_queries.weight.dtype), groups))

    def _contrast(self, features: Tensor, members: Tensor) -> Tensor:
        """Return the mean cross-entropy of labelled rows ``[row, feature]`` to their classes' centres."""
        adapted = self._adapted(features, members.T > 0)  # [class, row, feature]
        counts = members.sum(0).clamp(min=1)  # [class]
        centres = torch.einsum("rc,crf->cf", members, adapted) / counts.unsqueeze(1)  # [class, feature]
        scores = self.logits({"prototypes": centres}, features).log_softmax(1)  # [row, class]
        return -(members * scores).sum() / members.sum().clamp(min=1)


class SetTransformer(nn.Module):
    r"""One block of self-attention over a set of rows: :math:`\mathrm{LN}(z + W_o \, \mathrm{att}(z))`.

    With one head, :math:`\mathrm{att}(z) = \mathrm{softmax}(Q K^\top / \sqrt d) \, V`, from matrix products
    alone, which torch can differentiate twice. Rows may come in any order.

    Args:
        n_features: Width of the rows.
        dropout: Of attention and output, in training.

    Example:
        >>> SetTransformer(8)(torch.zeros(3, 8)).shape
        torch.Size([3, 8])
    """

    def __init__(self, n_features: int, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.to_queries = nn.Linear(n_features, n_features, bias=False)
        self.to_keys = nn.Linear(n_features, n_features, bias=False)
        self.to_values = nn.Linear(n_features, n_features, bias=False)
        self.to_outputs = nn.Linear(n_features, n_features)
        self.normalization = nn.LayerNorm(n_features)
        self.attention_dropout = nn.Dropout(dropout)
        self.output_dropout = nn.Dropout(dropout)

    def forward(self, rows: Tensor, groups: Tensor | None = None) -> Tensor:
        """Adapt rows to each other.

        Args:
            rows: ``[row, feature]``.
            groups: Which rows are looked at, bool ``[group, row]``; None means all.

        Returns:
            ``[row, feature]``, or ``[group, row, feature]``.
        """
        seen = None if groups is None else groups.unsqueeze(1)  # [group, 1, row]
        scores = attention_scores(self.to_queries(rows), self.to_keys(rows), seen)  # [..., row, row]
        attention = self.attention_dropout(scores.softmax(-1))
        mixed = self.to_outputs(attention @ self.to_values(rows))
        return self.normalization(rows + self.output_dropout(mixed))
