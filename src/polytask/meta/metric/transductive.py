"""What transductive classifiers share: they keep the support, and answer all queries of a batch together."""

from abc import abstractmethod

from torch import Tensor, nn

from polytask.core.learner import State
from polytask.meta.metric.feature_classifier import FeatureClassifier

__all__ = ["TransductiveClassifier"]


class TransductiveClassifier(FeatureClassifier):
    """A classifier of features whose answers depend on all queries given to one call of `predict`.

    So a predictor gives other answers for the same query in another batch, and its score is not to be
    compared with that of an inductive one.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.

    Example:
        >>> import torch
        >>> from polytask.core import Batch, Task
        >>> class Farther(TransductiveClassifier):  # class 1 is what lies beyond the middle of the queries
        ...     def assign(self, support, members, queries):
        ...         return torch.cat([queries.mean(0) - queries, queries - queries.mean(0)], dim=1)
        >>> task = Task(name="cat", kind="multiclass", n_outputs=2)
        >>> support = Batch(inputs=torch.tensor([[0.0], [3.0]]), targets={"cat": torch.arange(2)})
        >>> task.decide(Farther(nn.Identity()).adapt([task], support)(torch.tensor([[4.0], [9.0]]))["cat"])
        tensor([0, 1])
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(encoder, transductive=True)

    @abstractmethod
    def assign(self, support: Tensor, members: Tensor, queries: Tensor) -> Tensor:
        """Answer all queries together.

        Args:
            support: Features, ``[support, feature]``.
            members: 1.0 where an example of the support is of a class, else 0, ``[support, class]``.
            queries: Features, ``[query, feature]``.

        Returns:
            Logits ``[query, class]``.
        """

    def summarize(self, features: Tensor, members: Tensor) -> State:
        """Keep the support: features ``[support, feature]`` and members ``[support, class]``."""
        return {"features": features, "members": members}

    def logits(self, summary: State, features: Tensor) -> Tensor:
        """Answer all queries ``[query, feature]`` together: ``[query, class]``."""
        return self.assign(summary["features"], summary["members"], features)
