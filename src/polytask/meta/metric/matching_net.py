"""Matching networks: a query takes the labels of the support by attention."""

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.learner import State
from polytask.meta.entry import catalogued
from polytask.meta.metric.cosine_head import cosine_logits
from polytask.meta.metric.feature_classifier import FeatureClassifier

__all__ = ["MatchingNet"]


@catalogued("matching", "Vinyals et al., NeurIPS 2016, arXiv:1606.04080", family="metric")
class MatchingNet(FeatureClassifier):
    r"""Matching networks.

    With the encoder :math:`f`, the probability of class :math:`k` is the attention on its examples:

    .. math:: p(k \mid x) = \sum_{i: y_i = k} a(x, x_i) \qquad
        a(x, x_i) = \frac{e^{s \cos(f(x), f(x_i))}}{\sum_j e^{s \cos(f(x), f(x_j))}}

    The logits are :math:`\log \sum_{i: y_i = k} e^{s \cos(f(x), f(x_i))}`, whose softmax this is. A class
    with more examples is the likelier for it.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        scale: The factor :math:`s` on the cosine; with the paper's 1, no class can be much likelier than the
            others.

    Raises:
        InputError: The scale is not positive.

    Example:
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="cat", kind="multiclass", n_outputs=2)
        >>> support = Batch(inputs=torch.eye(2), targets={"cat": torch.arange(2)})
        >>> predictor = MatchingNet(nn.Identity()).adapt([task], support)
        >>> predictor(torch.tensor([[5.0, 0.0]]))["cat"]
        tensor([[10.,  0.]])

    When to use:
        One or two examples of each class, where neighbours say more than means. With more
        examples `Prototypes` is as good and cheaper.

    References:
        Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra. Matching Networks for One Shot Learning. NeurIPS
        2016, arXiv:1606.04080, section 2.1.1. Differs: support and query share one encoder, and there are no
        full context embeddings (the LSTMs of section 2.1.2, by which the support changes its own encoding);
        the cosine has a scale, which the paper's has not: 10 is the initial value of Gidaris, Komodakis.
        Dynamic Few-Shot Visual Learning without Forgetting. CVPR 2018, arXiv:1804.09458.
    """

    def __init__(self, encoder: nn.Module, *, scale: float = 10.0) -> None:
        if not scale > 0:
            raise InputError(f"`scale` must be above 0, got {scale}.")
        super().__init__(encoder)
        self.scale = scale

    def summarize(self, features: Tensor, members: Tensor) -> State:
        """Keep the support: features ``[support, feature]`` and members ``[support, class]``."""
        return {"features": features, "members": members}

    def logits(self, summary: State, features: Tensor) -> Tensor:
        """Return the logarithm of what each class gets of the attention, up to a constant of the query."""
        scores = cosine_logits(features, summary["features"], self.scale)  # [query, support]
        # A finite lowest score: with -inf, the gradient of a class without examples would be NaN.
        lowest = torch.finfo(scores.dtype).min
        own = torch.where(summary["members"].T > 0, scores.unsqueeze(1), lowest)  # [query, class, support]
        return own.logsumexp(-1)
