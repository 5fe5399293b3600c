"""What classifiers on features share: encode, sum the support up by class, compare the query with the sum."""

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from polytask.core import Batch, EpisodicLearner, Task
from polytask.core.batch import Inputs
from polytask.core.learner import State, States
from polytask.meta.layers.class_means import check_classes, membership
from polytask.meta.layers.full_precision import full_precision, widened
from polytask.meta.layers.normalization import uses_batch_statistics

__all__ = ["FeatureClassifier", "squared_distances"]


class FeatureClassifier(EpisodicLearner):
    """A classifier of features, whatever the encoder; a method says what it keeps of the support.

    Under autocast the encoder alone has 16 bits. Examples without a label belong to no class. The state holds
    what `summarize` returns, as ``"task.part"``. A predictor shares the encoder with the learner: after
    training on, adapt again. BatchNorm in the encoder works as torch has it: batch statistics in training
    mode, running ones in evaluation mode.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        transductive: Whether the answer to one query depends on the other queries of its batch by design.

    Example:
        >>> import torch
        >>> class NearestFirst(FeatureClassifier):
        ...     def summarize(self, features, members):
        ...         return {"first": features[members.argmax(0)]}
        ...     def logits(self, summary, features):
        ...         return -squared_distances(features, summary["first"])
        >>> task = Task(name="cat", kind="multiclass", n_outputs=2)
        >>> support = Batch(inputs=torch.tensor([[0.0], [3.0]]), targets={"cat": torch.tensor([0, 1])})
        >>> NearestFirst(nn.Identity()).adapt([task], support)(torch.tensor([[1.0]]))
        {'cat': tensor([[-1., -4.]])}
    """

    inner_gradients = False

    def __init__(self, encoder: nn.Module, *, transductive: bool = False) -> None:
        super().__init__(transductive=transductive or uses_batch_statistics(encoder, None))
        self.encoder = encoder

    @abstractmethod
    def summarize(self, features: Tensor, members: Tensor) -> State:
        """Return what is to be known of a task.

        Args:
            features: Of the support, ``[support, feature]``.
            members: 1.0 where an example is of a class, else 0, ``[support, class]``.

        Returns:
            Tensors by names without a dot; one without a name is kept under the task's name alone.
        """

    @abstractmethod
    def logits(self, summary: State, features: Tensor) -> Tensor:
        """Answer features of queries ``[query, feature]`` by what is known: ``[query, class]``."""

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Return the summary of every task.

        Raises:
            InputError: A task is not multiclass, has no label, or a class of it has none.
        """
        for task in tasks:
            check_classes(type(self).__name__, task, support)
        features = self.encode(support.inputs)
        with full_precision(features):
            return {
                task.name: self.summarize(features, membership(task, support).to(features.dtype))
                for task in tasks
            }

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]`` from the summaries: ``[batch, class]`` by task name."""
        features = self.encode(inputs)
        with full_precision(features):
            return {task.name: self.logits(state[task.name], features) for task in tasks}

    def encode(self, inputs: Inputs) -> Tensor:
        """Return the features ``[batch, feature]`` of inputs ``[batch, ...]``, in 32 bits or more."""
        return widened(self.encoder(inputs).flatten(1))


def squared_distances(features: Tensor, points: Tensor) -> Tensor:
    """Return the squared distances of features ``[row, feature]`` to points: ``[row, point]``.

    Expanded, as `torch.cdist` has no second derivative, and differences would be ``[row, point, feature]``.

    Example:
        >>> import torch
        >>> squared_distances(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 0.0], [3.0, 1.0]]))
        tensor([[1., 9.]])
    """
    lengths = features.square().sum(1, keepdim=True)  # [row, 1]
    return lengths + points.square().sum(1) - 2 * features @ points.T
