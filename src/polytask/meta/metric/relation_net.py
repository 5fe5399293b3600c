"""Relation networks: how alike a query and a class are is learned too."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from polytask.core import Batch, EpisodicLearner, InputError, Task
from polytask.core.batch import Inputs, query_objectives
from polytask.core.learner import States
from polytask.meta.entry import catalogued
from polytask.meta.image_task import ImageTask
from polytask.meta.layers.class_means import check_classes, class_means, membership
from polytask.meta.layers.normalization import uses_batch_statistics

__all__ = ["RelationNet", "image_relation", "vector_relation"]


@catalogued(
    "relation",
    "Sung et al., CVPR 2018, arXiv:1711.06025",
    family="metric",
    build=lambda _, task: _for_images(task),
    train_way=5,
)
class RelationNet(EpisodicLearner):
    r"""Relation networks.

    With the encoder :math:`f`, the mean :math:`c_k` of its features over the support of class :math:`k`, and
    the relation module :math:`g`, the relation of a query with the class is

    .. math:: r_k = \sigma(g([c_k, f(x)]))

    where the brackets put channels one after the other. Training reduces the mean of
    :math:`(r_k - [y = k])^2` over queries and classes, in place of the task's own loss.

    The predictions are the scores :math:`g` before the sigmoid: the highest belongs to the highest relation,
    and they serve as logits where a metric or another learner wants some.

    The state is the means ``[class, channel, ...]`` by task name. A predictor shares both modules with the
    learner: after training on, adapt again. BatchNorm works as torch has it: batch statistics in training
    mode, running ones in evaluation mode.

    Args:
        encoder: Maps inputs to features ``[batch, channel, ...]``.
        relation: Maps pairs ``[pair, 2 * channel, ...]`` to scores ``[pair, 1]``, without a sigmoid at its
            end; see `image_relation` and `vector_relation`.

    Example:
        >>> task = Task(name="cat", kind="multiclass", n_outputs=3)
        >>> support = Batch(inputs=torch.eye(3, 8), targets={"cat": torch.arange(3)})
        >>> predictor = RelationNet(nn.Linear(8, 4), vector_relation(4)).adapt([task], support)
        >>> predictor(torch.zeros(5, 8))["cat"].shape
        torch.Size([5, 3])

    When to use:
        Where likeness itself has to be learned, with many known classes. It overfits with few,
        and compares every query with every class.

    References:
        Sung, Yang, Zhang, Xiang, Torr, Hospedales. Learning to Compare: Relation Network for Few-Shot
        Learning. CVPR 2018, arXiv:1711.06025, section 3. Differs: the paper sums over the support where this
        takes the mean. For a fixed number of shots the first layer of :math:`g` makes up for the factor, and
        with the mean the number may change. Support and query are encoded apart, so in training BatchNorm
        normalizes each by its own statistics.
    """

    inner_gradients = False
    objective_is_loss = False

    def __init__(self, encoder: nn.Module, relation: nn.Module) -> None:
        super().__init__(
            transductive=uses_batch_statistics(encoder, None) or uses_batch_statistics(relation, None)
        )
        self.encoder = encoder
        self.relation = relation

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Return the mean features of every class, ``[class, channel, ...]`` by task name.

        Raises:
            InputError: A task is not multiclass, has no label, or a class of it has none.
        """
        for task in tasks:
            check_classes(type(self).__name__, task, support)
        features = self.encoder(support.inputs)  # [row, channel, ...]
        found = {}
        for task in tasks:
            means = class_means(features.flatten(1), membership(task, support).to(features.dtype))
            found[task.name] = {"summary": means.unflatten(1, features.shape[1:])}
        return found

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]`` by the scores of their relations, ``[batch, class]`` by name."""
        features = self.encoder(inputs)
        return {task.name: self._scores(features, state[task.name]["summary"]) for task in tasks}

    def forward(self, tasks: Sequence[Task], support: Batch, query: Batch) -> Tensor:
        """Return the summed squared errors of the relations, a scalar."""
        predictions = self.predict(self.learn(tasks, support), tasks, query.inputs)
        judged = [
            replace(task, kind="multilabel", loss=_squared_error)
            for task in tasks
            if task.name in query.targets
        ]
        related = {task.name: membership(task, query).to(predictions[task.name].dtype) for task in judged}
        targets = replace(
            query, targets=related, masks={n: m for n, m in query.masks.items() if n in related}
        )
        return torch.stack(list(query_objectives(judged, predictions, targets).values())).sum()

    def _scores(self, features: Tensor, means: Tensor) -> Tensor:
        n_queries, n_classes, form = features.shape[0], means.shape[0], features.shape[1:]
        left = means.unsqueeze(0).expand(n_queries, n_classes, *form)
        right = features.unsqueeze(1).expand(n_queries, n_classes, *form)
        pairs = torch.cat([left, right], dim=2).flatten(0, 1)  # [query * class, 2 * channel, ...]
        scores = self.relation(pairs)
        if scores.shape != (n_queries * n_classes, 1):
            raise InputError(
                f"`relation` should map pairs {tuple(pairs.shape)} to one score each, "
                f"{(n_queries * n_classes, 1)}, but gave {tuple(scores.shape)}."
            )
        return scores.reshape(n_queries, n_classes)


def vector_relation(n_features: int, *, width: int = 64) -> nn.Sequential:
    """Build a relation module for features that are vectors: two hidden layers, the first with LayerNorm.

    Args:
        n_features: Features of one side of a pair.
        width: Of the first hidden layer; the second has 8 units, as the paper's.

    Raises:
        InputError: A size is below 1.

    Example:
        >>> vector_relation(4)(torch.zeros(3, 8)).shape
        torch.Size([3, 1])
    """
    _check_sizes({"n_features": (n_features, 1), "width": (width, 1)})
    first = [nn.Linear(2 * n_features, width), nn.LayerNorm(width), nn.ReLU()]
    return nn.Sequential(*first, nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, 1))


def image_relation(n_channels: int, size: int, *, width: int = 64, batch_norm: bool = True) -> nn.Sequential:
    """Build the paper's relation module for features that are images: two convolutions and two layers.

    Args:
        n_channels: Channels of one side of a pair.
        size: Height and width of the features, at least 4; each convolution halves them.
        width: Channels of the convolutions.
        batch_norm: Whether BatchNorm follows each convolution, as in the paper.

    Raises:
        InputError: A size is too small.

    Example:
        >>> image_relation(16, 7)(torch.zeros(3, 32, 7, 7)).shape
        torch.Size([3, 1])
    """
    _check_sizes({"n_channels": (n_channels, 1), "size": (size, 4), "width": (width, 1)})
    layers: list[nn.Module] = []
    for n_inputs in (2 * n_channels, width):
        layers.append(nn.Conv2d(n_inputs, width, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(width))
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    n_last = width * (size // 4) ** 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(n_last, 8), nn.ReLU(), nn.Linear(8, 1))


def _for_images(task: ImageTask) -> RelationNet:
    """Build it on the first half of the encoder, whose second half keeps the size of the maps."""
    halves = list(task.encoder().children())[:8]  # the first two blocks, which halve the image
    for _ in range(2):
        halves += [
            nn.Conv2d(task.width, task.width, 3, padding=1),
            nn.BatchNorm2d(task.width),
            nn.ReLU(),
        ]
    relation = image_relation(task.width, task.size // 4, width=task.width)
    return RelationNet(nn.Sequential(*halves), relation)


def _check_sizes(minimum: Mapping[str, tuple[int, int]]) -> None:
    """Check values, by name, against the least they may be."""
    problems = [
        f"`{name}` must be at least {least}, got {value}"
        for name, (value, least) in minimum.items()
        if value < least
    ]
    if problems:
        raise InputError("; ".join(problems) + ".")


def _squared_error(scores: Tensor, related: Tensor) -> Tensor:
    return (scores.sigmoid() - related).square()
