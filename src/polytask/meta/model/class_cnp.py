"""A conditional neural process for classes: one vector for each class, all read by one network."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from polytask.core import Batch, EpisodicLearner, InputError, Task
from polytask.core.batch import Inputs
from polytask.core.learner import States
from polytask.meta.layers.class_means import check_every_class, class_means
from polytask.meta.layers.networks import mlp
from polytask.meta.layers.normalization import uses_batch_statistics
from polytask.meta.model.checked_features import checked_features
from polytask.meta.model.class_labels import class_labels, class_outputs

__all__ = ["ClassCNP"]


class ClassCNP(EpisodicLearner):
    r"""Conditional neural process for classification.

    The examples of a class are averaged, and a network reads the query beside the vectors of all classes:

    .. math:: r_c = \frac{1}{n_c} \sum_{y_i = c} h(x_i), \qquad
        \operatorname{logits}(x_*) = g(h(x_*), r_1, \ldots, r_C)

    As :math:`g` reads the classes at fixed places, the number of classes is fixed; a task may have fewer, and
    a class without examples has :math:`r_c = 0`. The order of the support does not matter.

    With ``shared_reader``, one network answers for every class, from its vector and the mean of all the
    task's:

    .. math:: \operatorname{logit}_c(x_*) = g(h(x_*), r_c, \tfrac{1}{C} \sum_k r_k)

    Then the order of the classes does not matter either, and what is learned at one place holds at all.

    The state holds :math:`r_1, \ldots, r_C` of every task in one row ``[class * feature]`` by name. A
    predictor shares the networks with the learner: after training on, adapt again.

    Args:
        encoder: :math:`h`, maps inputs to features ``[batch, ...]``, flattened here.
        n_features: How many features that makes.
        n_classes: The most classes of a task, :math:`C`.
        width: Width of the hidden layers of :math:`g`.
        depth: Linear layers of :math:`g`, at least 1.
        shared_reader: Whether :math:`g` reads one class at a time.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> learner = ClassCNP(nn.Linear(2, 4), n_features=4, n_classes=3)
        >>> task = Task(name="y", kind="multiclass", n_outputs=3)
        >>> support = Batch(inputs=torch.rand(9, 2), targets={"y": torch.arange(9) % 3})
        >>> learner.adapt([task], support)(torch.rand(5, 2))["y"].shape
        torch.Size([5, 3])

    When to use:
        Classification without gradient steps and with a context that is summed up, for many
        classes in passing. Prototypes are usually better.

    References:
        Garnelo, Rosenbaum, Maddison, Ramalho, Saxton, Shanahan, Teh, Rezende, Eslami. Conditional Neural
        Processes. ICML 2018, arXiv:1807.01613, section 4.3, where the vectors of the classes are
        concatenated. Deviations: the query goes through the same encoder as the support, and the widths and
        the shared reader are ours.
    """

    inner_gradients = False

    def __init__(
        self,
        encoder: nn.Module,
        *,
        n_features: int,
        n_classes: int,
        width: int = 128,
        depth: int = 3,
        shared_reader: bool = False,
    ) -> None:
        least = {
            "n_features": (n_features, 1),
            "n_classes": (n_classes, 2),
            "width": (width, 1),
            "depth": (depth, 1),
        }
        problems = [
            f"`{k}` must be at least {low}, got {value}" for k, (value, low) in least.items() if value < low
        ]
        if problems:
            raise InputError("ClassCNP: " + "; ".join(problems) + ".")
        super().__init__(transductive=uses_batch_statistics(encoder, None))
        self.encoder = encoder
        self.n_features, self.n_classes, self.shared_reader = n_features, n_classes, shared_reader
        n_read, n_answers = (3, 1) if shared_reader else (n_classes + 1, n_classes)
        self.reader = mlp([n_read * n_features, *[width] * (depth - 1), n_answers])

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Return the vectors of all classes of every task, by name.

        Raises:
            InputError: A task is not of classes, has too many, no target, or a class without an example; or
                the features are not as many as was said.
        """
        members = {task.name: class_labels("ClassCNP", task, support, self.n_classes)[0] for task in tasks}
        for task in tasks:
            check_every_class(task, members[task.name][:, : max(task.n_outputs, 2)] > 0)
        features = checked_features(self.encoder, support.inputs, self.n_features)
        return {
            name: {"summary": class_means(features, rows.to(features.dtype)).flatten()}
            for name, rows in members.items()
        }

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]``: logits by task."""
        features = checked_features(self.encoder, inputs, self.n_features)
        return {
            task.name: class_outputs(task, self._logits(features, state[task.name]["summary"], task))
            for task in tasks
        }

    def _logits(self, features: Tensor, vectors: Tensor, task: Task) -> Tensor:
        """Read features ``[batch, feature]`` beside a task's vectors ``[class * feature]``."""
        n_rows = features.shape[0]
        if not self.shared_reader:
            return self.reader(torch.cat([features, vectors.expand(n_rows, -1)], 1))
        classes = vectors.unflatten(0, (self.n_classes, -1))[: max(task.n_outputs, 2)]
        beside = torch.cat([classes, classes.mean(0).expand_as(classes)], 1)  # [class, 2 * feature]
        queries = features.unsqueeze(1).expand(-1, classes.shape[0], -1)
        return self.reader(torch.cat([queries, beside.expand(n_rows, -1, -1)], 2)).squeeze(2)
