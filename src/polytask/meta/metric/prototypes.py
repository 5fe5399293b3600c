"""Prototypical networks: a class is the mean of its support in a learned space."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import InputError
from polytask.core.learner import State
from polytask.meta.entry import catalogued
from polytask.meta.image_task import ImageTask
from polytask.meta.layers.class_means import class_means
from polytask.meta.layers.residual import residual_encoder
from polytask.meta.metric.feature_classifier import FeatureClassifier, squared_distances

__all__ = ["Prototypes"]


@catalogued(
    "prototypes",
    "Snell et al., NeurIPS 2017, arXiv:1703.05175",
    family="metric",
    build=lambda _, task: _for_images(task),
)
@catalogued(
    "varied-prototypes",
    "Snell et al., NeurIPS 2017, arXiv:1703.05175, on turned, mirrored and bent images",
    family="metric",
    build=lambda _, task: _residual(task),
    held_out=True,
)
class Prototypes(FeatureClassifier):
    r"""Prototypical networks.

    With the encoder :math:`f`, class :math:`k` has the prototype :math:`c_k`, the mean of :math:`f(x)` over
    its support; the logits of a query are :math:`-\lVert f(x) - c_k \rVert^2`, or
    :math:`s \cos(f(x), c_k)`.

    The state is the prototypes ``[class, feature]`` by task name. A predictor shares the encoder with the
    learner: after training on, adapt again. BatchNorm in the encoder works as torch has it: batch statistics
    in training mode, running ones in evaluation mode. So adapt in the latter; the learner is then inductive.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        distance: ``"euclidean"``, squared as in the paper, or ``"cosine"``.
        scale: The factor :math:`s` on the cosine, which alone would give nearly flat probabilities.

    Raises:
        InputError: The distance is unknown, or the scale is not positive.

    Example:
        >>> import torch
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="shape", kind="multiclass", n_outputs=2)
        >>> points, classes = torch.tensor([[0.0], [2.0], [9.0]]), torch.tensor([0, 0, 1])
        >>> support = Batch(inputs=points, targets={"shape": classes})
        >>> predictor = Prototypes(nn.Identity()).adapt([task], support)
        >>> predictor.state["shape"]["summary"], predictor(torch.tensor([[2.0]]))["shape"]
        (tensor([[1.],
                [9.]]), tensor([[ -1., -49.]]))

    When to use:
        First, for few-shot classification of any kind: no gradient steps, any number of classes,
        and hard to beat with a good encoder. Classes of odd shape have no good mean.

    References:
        Snell, Swersky, Zemel. Prototypical Networks for Few-shot Learning. NeurIPS 2017, arXiv:1703.05175,
        algorithm 1. Differs from the authors' code: support and query are encoded apart, so in training
        BatchNorm normalizes each by its own statistics. The paper's cosine has no scale; 10 is the initial
        value of Gidaris, Komodakis. Dynamic Few-Shot Visual Learning without Forgetting. CVPR 2018,
        arXiv:1804.09458.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        distance: Literal["euclidean", "cosine"] = "euclidean",
        scale: float = 10.0,
    ) -> None:
        problems = []
        if distance not in ("euclidean", "cosine"):
            problems.append(f"`distance` is {distance!r}; use 'euclidean' or 'cosine'")
        if not scale > 0:
            problems.append(f"`scale` must be above 0, got {scale}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__(encoder)
        self.distance = distance
        self.scale = scale

    def summarize(self, features: Tensor, members: Tensor) -> State:
        """Return the prototypes, ``[class, feature]``, under the task's name alone."""
        return {"summary": class_means(features, members)}

    def logits(self, summary: State, features: Tensor) -> Tensor:
        """Return the nearness to the prototypes, ``[query, class]``."""
        prototypes = summary["summary"]
        if self.distance == "cosine":
            unit, unit_prototypes = functional.normalize(features), functional.normalize(prototypes)
            return self.scale * unit @ unit_prototypes.T
        return -squared_distances(features, prototypes)


def _for_images(task: ImageTask) -> Prototypes:
    encoder = task.encoder()
    encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - twice as fast on CPU
    return Prototypes(encoder)


def _residual(task: ImageTask) -> Prototypes:
    encoder = residual_encoder(task.in_channels, max(1, task.width // 2))  # `width` after the first block
    encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - twice as fast on CPU
    return Prototypes(encoder, distance="cosine", scale=16.0)
