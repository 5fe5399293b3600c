"""Baseline and Baseline++: a new head on a trained encoder, fitted on the support by gradient descent."""

from abc import abstractmethod

from torch import Tensor, nn
from torch.func import grad_and_value

from polytask.core import InputError
from polytask.core.learner import State
from polytask.meta.adaptation.rules.rule import InnerStep, UpdateRule
from polytask.meta.adaptation.rules.sgd import SGD
from polytask.meta.entry import catalogued
from polytask.meta.layers.class_means import class_means
from polytask.meta.metric.cosine_head import CosineHead, cosine_logits
from polytask.meta.metric.feature_classifier import FeatureClassifier

__all__ = ["Baseline", "BaselinePlusPlus", "FittedHead"]


class FittedHead(FeatureClassifier):
    r"""Fits a new head on the features of the support, and leaves the encoder as it is.

    From a start :math:`\phi_0`, makes steps down the mean cross-entropy :math:`L_S(\phi)` of the head on the
    labelled support. The gradient of an objective goes through these steps into the encoder; the methods
    themselves train the encoder beforehand and need none.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        n_steps: Steps on the whole support.
        rule: Makes a step from a gradient; None means ``SGD(0.01, momentum=0.9, weight_decay=0.001)``.

    Raises:
        InputError: The number of steps is negative.

    Example:
        >>> import torch
        >>> class Scales(FittedHead):  # one factor for all features of a class
        ...     def start(self, features, members):
        ...         return {"factors": features.new_zeros(members.shape[1])}
        ...     def logits(self, summary, features):
        ...         return features.sum(1, keepdim=True) * summary["factors"]
        >>> Scales(nn.Identity()).summarize(torch.tensor([[-1.0], [1.0]]), torch.eye(2))["factors"].sign()
        tensor([-1.,  1.])
    """

    inner_gradients = True

    def __init__(self, encoder: nn.Module, *, n_steps: int = 100, rule: UpdateRule | None = None) -> None:
        if n_steps < 0:
            raise InputError(f"`n_steps` must be 0 or more, got {n_steps}.")
        super().__init__(encoder)
        self.rule = rule or SGD(0.01, momentum=0.9, weight_decay=0.001)
        self.n_steps = n_steps

    @abstractmethod
    def start(self, features: Tensor, members: Tensor) -> State:
        """Return the head before the first step; arguments as of `summarize`."""

    def summarize(self, features: Tensor, members: Tensor) -> State:
        """Return the head after the steps, by name."""

        def loss(head: State) -> Tensor:
            scores = self.logits(head, features).log_softmax(1)  # [support, class]
            return -(members * scores).sum() / members.sum().clamp(min=1)

        head = self.start(features, members)
        memory = self.rule.optimizer_state(head)
        for index in range(self.n_steps):
            gradients, value = grad_and_value(loss)(head)
            head, memory = self.rule(
                InnerStep(index=index, parameters=head, gradients=gradients, loss=value), memory
            )
        return head


@catalogued(
    "fine-tuning",
    "Chen et al., ICLR 2019, arXiv:1904.04232 (Baseline: joint training on known classes, then a new head)",
    family="metric",
    pretraining_head=nn.Linear,
)
class Baseline(FittedHead):
    r"""A new linear head :math:`W f(x) + b` on a trained encoder: plain transfer learning.

    Pre-training is ordinary classification of all base classes at once, by a `SharedModel`; the encoder is
    then taken out of it, as the example shows. Head and bias start at 0.

    Args:
        encoder: See `FittedHead`, as for all arguments.
        n_steps: Steps on the whole support.
        rule: Makes a step from a gradient.

    Example:
        >>> import torch
        >>> from polytask.core import Batch, SharedModel, Task, seeded
        >>> from polytask.data import JointSource
        >>> from polytask.architectures import HardSharing
        >>> from polytask.train import train
        >>> base = Task(name="base", kind="multiclass", n_outputs=4)
        >>> classes = torch.arange(40) % 4
        >>> known = Batch(inputs=nn.functional.one_hot(classes, 6).float(), targets={"base": classes})
        >>> with seeded(0):
        ...     encoder = nn.Linear(6, 8)
        ...     pretraining = SharedModel([base], HardSharing(encoder), {"base": nn.Linear(8, 4)})
        >>> outcome = train(pretraining, JointSource([base], known, batch_size=20, seed=0), n_steps=20)
        >>> new = Task(name="new", kind="multiclass", n_outputs=2)
        >>> support = Batch(inputs=torch.eye(6)[4:], targets={"new": torch.arange(2)})
        >>> predictor = Baseline(encoder).adapt([new], support)
        >>> new.decide(predictor(support.inputs)["new"])
        tensor([0, 1])

    When to use:
        As the honest rival of meta-learning: train a classifier of all known classes, then only a
        new head. Twenty shots and more.

    References:
        Chen, Liu, Kira, Wang, Huang. A Closer Look at Few-shot Classification. ICLR 2019, arXiv:1904.04232.
        Differs: each of the 100 iterations takes the whole support, not 4 examples; the head starts at 0, not
        at random, so that a fit can be repeated; momentum is not dampened.
    """

    def start(self, features: Tensor, members: Tensor) -> State:
        """Return a head of zeros: weights ``[class, feature]`` and bias ``[class]``."""
        n_classes = members.shape[1]
        return {
            "weights": features.new_zeros(n_classes, features.shape[1]),
            "bias": features.new_zeros(n_classes),
        }

    def logits(self, summary: State, features: Tensor) -> Tensor:
        """Return the linear scores ``[query, class]``."""
        return features @ summary["weights"].T + summary["bias"]


@catalogued(
    "cosine-fine-tuning",
    "Chen et al., ICLR 2019, arXiv:1904.04232 (Baseline++)",
    family="metric",
    pretraining_head=CosineHead,
)
class BaselinePlusPlus(FittedHead):
    r"""A new cosine head :math:`s \cos(f(x), w_k)` on an encoder that was trained with such a head.

    Pre-train as for `Baseline`, but with a `CosineHead`. The weights start at the means of the classes in the
    support, so that without a step this is classification by cosine to the mean.

    Args:
        encoder: See `FittedHead`, as for all arguments but the scale.
        n_steps: Steps on the whole support.
        scale: The factor :math:`s` on the cosine.
        rule: Makes a step from a gradient.

    Raises:
        InputError: The number of steps is negative, or the scale is not positive.

    Example:
        >>> import torch
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="new", kind="multiclass", n_outputs=2)
        >>> support = Batch(inputs=torch.eye(2), targets={"new": torch.arange(2)})
        >>> BaselinePlusPlus(nn.Identity(), n_steps=0).adapt([task], support)(torch.tensor([[5.0, 0.0]]))
        {'new': tensor([[10.,  0.]])}

    When to use:
        As `Baseline` where classes are told apart by direction; better with few examples.

    References:
        Chen, Liu, Kira, Wang, Huang. ICLR 2019, arXiv:1904.04232. Differs as `Baseline` does, and: the
        weights start at the class means (so do Qi, Brown, Lowe. Low-Shot Learning with Imprinted Weights.
        CVPR 2018, arXiv:1712.07136); the scale is 10 and fixed, where the authors' code learns a length for
        every class.
    """

    def __init__(
        self, encoder: nn.Module, *, n_steps: int = 100, scale: float = 10.0, rule: UpdateRule | None = None
    ) -> None:
        if not scale > 0:
            raise InputError(f"`scale` must be above 0, got {scale}.")
        super().__init__(encoder, n_steps=n_steps, rule=rule)
        self.scale = scale

    def start(self, features: Tensor, members: Tensor) -> State:
        """Return the class means as weights ``[class, feature]``."""
        return {"weights": class_means(features, members)}

    def logits(self, summary: State, features: Tensor) -> Tensor:
        """Return the scaled cosines with the weights, ``[query, class]``."""
        return cosine_logits(features, summary["weights"], self.scale)
