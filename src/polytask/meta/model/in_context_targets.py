"""How an in-context learner reads and gives labels: as classes, or as bars on the real line."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from polytask.core import Batch, Task
from polytask.meta.layers.full_precision import widened
from polytask.meta.model.bar_distribution import BarDistribution
from polytask.meta.model.class_labels import labels_of

__all__ = ["Targets", "Bars", "Classes"]


class Targets(nn.Module, ABC):
    """Encodes the labels of a task, and decodes what the transformer says of a query."""

    head: nn.Module

    @abstractmethod
    def encode(self, target: Tensor) -> Tensor:
        """Encode labels ``[support]``: ``[support, width]``."""

    @abstractmethod
    def prediction(self, task: Task, outputs: Tensor) -> Tensor:
        """Turn the head's outputs ``[batch, output]`` into a prediction ``[batch, n_outputs]``."""

    @abstractmethod
    def objective(self, task: Task, outputs: Tensor, query: Batch) -> Tensor:
        """Return the objective of a query that has targets of the task, a scalar."""


class Classes(Targets):
    """Labels that are classes: an embedding for each, and a logit for each.

    Args:
        width: Of a token.
        hidden: Width of the head's hidden layer.
        n_classes: The most classes of a task.
    """

    def __init__(self, width: int, hidden: int, n_classes: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.embedding = nn.Linear(n_classes, width, bias=False)
        nn.init.normal_(self.embedding.weight)  # on the scale of an embedding, whatever the number of classes
        self.head = _head(width, hidden, n_classes)

    def encode(self, target: Tensor) -> Tensor:
        """See `Targets.encode`."""
        classes = torch.arange(self.n_classes, device=target.device)
        return self.embedding((target.unsqueeze(1) == classes).to(self.embedding.weight.dtype))

    def prediction(self, task: Task, outputs: Tensor) -> Tensor:
        """Return the logits of the task's classes; the second less the first for a binary task."""
        return outputs[:, 1:2] - outputs[:, :1] if task.kind == "binary" else outputs[:, : task.n_outputs]

    def objective(self, task: Task, outputs: Tensor, query: Batch) -> Tensor:
        """Return the task's own objective, the cross-entropy."""
        return task.objective(
            self.prediction(task, outputs), query.targets[task.name], query.masks.get(task.name)
        )


class Bars(Targets):
    """Labels that are numbers: a linear layer encodes them, a `BarDistribution` answers.

    Args:
        width: Of a token.
        hidden: Width of the head's hidden layer.
        borders: Of the bars, rising: ``[bar + 1]``. Their mean and spread are the unit of the labels.
    """

    borders: Tensor

    def __init__(self, width: int, hidden: int, borders: Tensor) -> None:
        super().__init__()
        self.register_buffer("borders", borders.detach().clone())
        self.encoder = nn.Linear(1, width)
        self.head = _head(width, hidden, len(borders) - 1)

    def encode(self, target: Tensor) -> Tensor:
        """See `Targets.encode`."""
        return self.encoder(((target - self.borders.mean()) / self.borders.std()).unsqueeze(-1))

    def distribution(self, outputs: Tensor) -> BarDistribution:
        """Return the distribution whose logits are the head's outputs."""
        return BarDistribution(borders=widened(self.borders), logits=widened(outputs))

    def prediction(self, task: Task, outputs: Tensor) -> Tensor:
        """Return the mean of the distribution, ``[batch, 1]``."""
        return self.distribution(outputs).mean().unsqueeze(-1)

    def objective(self, task: Task, outputs: Tensor, query: Batch) -> Tensor:
        """Return the negative log density of the targets, or the task's own loss if it brings one."""
        if task.loss is not None:
            mask = query.masks.get(task.name)
            return task.objective(self.prediction(task, outputs), query.targets[task.name], mask)
        target, labelled = labels_of(task, query)
        surprise = -self.distribution(outputs).log_density(target)  # [batch]
        return (surprise * labelled).sum() / labelled.sum().clamp(min=1)


def _head(width: int, hidden: int, n_outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, n_outputs)
    )
