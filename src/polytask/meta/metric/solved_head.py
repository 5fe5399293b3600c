"""What solved heads share: a linear head per task, found by a solver on the features of the support."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import Batch, EpisodicLearner, InputError, Task
from polytask.core.batch import Inputs
from polytask.core.learner import States
from polytask.core.task import TaskKind
from polytask.core.torch_internals import inside_transform
from polytask.meta.layers.class_means import check_classes
from polytask.meta.layers.full_precision import full_precision, widened
from polytask.meta.layers.normalization import uses_batch_statistics

__all__ = ["Labelled", "SolvedHead", "labelled_values"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """What a solver is given of a task.

    Args:
        features: Of the support, ``[row, feature]``.
        values: What the outputs should be, ``[row, output]``; 0 where there is no label. A class is 1 and the
            others 0; what is yes or no is 1 or 0; the values themselves for a regression.
        known: 1.0 where there is a label, else 0: ``[row, 1]``, or ``[row, output]`` where outputs have
            labels of their own.
    """

    features: Tensor
    values: Tensor
    known: Tensor


class SolvedHead(EpisodicLearner):
    """A linear head on learned features, solved for every task; the gradient goes through the solution.

    Under autocast the encoder alone has 16 bits; the head is solved and applied in 32.

    The state holds the weights of every task, ``[feature, output]`` by name. A predictor shares the encoder
    with the learner: after training on, adapt again. BatchNorm in the encoder works as torch has it: batch
    statistics in training mode, running ones in evaluation mode.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        kinds: Kinds of tasks that the head can answer.
        bias: Whether a feature of constant 1 is added.
    """

    inner_gradients = False

    def __init__(self, encoder: nn.Module, *, kinds: tuple[TaskKind, ...], bias: bool) -> None:
        super().__init__(transductive=uses_batch_statistics(encoder, None))
        self.encoder = encoder
        self.kinds = kinds
        self.bias = bias

    @abstractmethod
    def solve(self, task: Task, support: Labelled) -> Tensor:
        """Return the weights ``[feature, output]`` of a task."""

    @abstractmethod
    def scores(self, task: Task, linear: Tensor) -> Tensor:
        """Turn the linear outputs ``[batch, output]`` of a task into its predictions, of the same shape."""

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Return the weights ``[feature, output]`` of every task, by name.

        Raises:
            InputError: A task is of another kind than the head answers, has no label, or a class of it none.
        """
        for task in tasks:
            _check_support(type(self).__name__, self.kinds, task, support)
        features = self.encode(support.inputs)
        with full_precision(features):
            return {
                task.name: {"summary": self.solve(task, labelled_values(task, support, features))}
                for task in tasks
            }

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]`` from the weights: ``[batch, n_outputs]`` by task name."""
        features = self.encode(inputs)
        with full_precision(features):
            return {task.name: self.scores(task, features @ state[task.name]["summary"]) for task in tasks}

    def encode(self, inputs: Inputs) -> Tensor:
        """Return the features ``[batch, feature]``, with a last one of 1 if there is a bias."""
        features = widened(self.encoder(inputs).flatten(1))
        return functional.pad(features, (0, 1), value=1.0) if self.bias else features


def labelled_values(task: Task, support: Batch, features: Tensor) -> Labelled:
    """Put the labels of a task into a table; see `Labelled`.

    Example:
        >>> task = Task(name="cat", kind="multiclass", n_outputs=2)
        >>> support = Batch(inputs=torch.zeros(2, 1), targets={"cat": torch.tensor([1, 0])})
        >>> labelled_values(task, support, torch.zeros(2, 1)).values
        tensor([[0., 1.],
                [1., 0.]])
    """
    target = support.targets[task.name]
    if task.kind == "multiclass":
        classes = torch.arange(task.n_outputs, device=target.device)
        values = target.unsqueeze(1) == classes  # [row, class]
    else:
        values = target.reshape(target.shape[0], task.n_outputs)
    mask = support.masks.get(task.name)
    known = torch.ones_like(values[:, :1], dtype=torch.bool) if mask is None else mask
    known = known.reshape(known.shape[0], -1)  # [row, 1 or output]
    dtype = features.dtype
    return Labelled(
        features=features,
        values=torch.where(known, values.to(dtype), 0.0),  # NaN * 0 would be NaN
        known=known.to(dtype),
    )


def _check_support(method: str, kinds: tuple[TaskKind, ...], task: Task, support: Batch) -> None:
    if task.kind not in kinds:
        raise InputError(
            f"{method} answers {', '.join(kinds)} tasks, but {task.name!r} is {task.kind}; give it to "
            "another learner."
        )
    if task.kind == "multiclass":
        check_classes(method, task, support)
    if task.name not in support.targets:
        raise InputError(f"`support` has no target of task {task.name!r}.")
    if inside_transform():
        return  # inside a transform such as vmap, where values cannot be looked at
    if not support.n_labels(task.name):
        raise InputError(f"`support` has no label of task {task.name!r}.")
