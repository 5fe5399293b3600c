"""Learners of regression that answer with a mean and a standard deviation."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import Batch, EpisodicLearner, InputError, Task
from polytask.core.batch import Inputs
from polytask.core.learner import State, States
from polytask.meta.layers.full_precision import widened

__all__ = ["Context", "Gaussian", "GaussianLearner", "bounded_gaussian"]

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussian:
    """Independent normal distributions, one for each value.

    Args:
        mean: ``[batch, n_outputs]``.
        std: Standard deviations, the same shape.

    Example:
        >>> Gaussian(mean=torch.zeros(1, 1), std=torch.ones(1, 1)).log_density(torch.zeros(1, 1))
        tensor([[-0.9189]])
    """

    mean: Tensor
    std: Tensor

    def log_density(self, values: Tensor) -> Tensor:
        """Return the log density of values ``[batch, n_outputs]``, the same shape, in nats."""
        return -0.5 * ((values - self.mean) / self.std).square() - self.std.log() - _HALF_LOG_TWO_PI


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The examples of one task.

    Args:
        x: ``[row, n_inputs]``.
        y: ``[row, n_outputs]``; 0 where there is no label.
        known: Whether a row counts, bool ``[row]``.
        labels: Which values are labelled, bool ``[row, n_outputs]``.
    """

    x: Tensor
    y: Tensor
    known: Tensor
    labels: Tensor


class GaussianLearner(EpisodicLearner):
    r"""A learner of regression tasks whose answers are normal distributions.

    The objective of a task is the negative log density of the query's labelled values, averaged over them:

    .. math:: -\frac{1}{n} \sum_i \log \mathcal{N}(y_i \mid \mu_i, \sigma_i^2)

    `predict` answers the means :math:`\mu`, so that metrics work as for any regression; `distribution`
    answers both. A task's own `loss` is not used in training. A row of the support counts if all its outputs
    are labelled. Several tasks of an episode are learned each by itself, by the same parameters.

    A method is two functions of one task's tensors: `encode` and `gaussian`.

    Args:
        n_inputs: Numbers in an input, after flattening.
        n_outputs: Outputs of every task.
    """

    inner_gradients = False
    objective_is_loss = False

    def __init__(self, *, n_inputs: int, n_outputs: int = 1) -> None:
        super().__init__()
        self.n_inputs = n_inputs
        self.n_outputs = n_outputs

    @abstractmethod
    def encode(self, context: Context) -> State:
        """Compute what is to be known of one task from its support; also from one where no row counts."""

    @abstractmethod
    def gaussian(self, state: State, x: Tensor) -> Gaussian:
        """Answer inputs ``[batch, n_inputs]`` from what `encode` gave."""

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Return what `encode` gives, by task.

        Raises:
            InputError: A task is no regression of ``n_outputs``, has no target, or the inputs do not fit.
        """
        return {task.name: self.encode(self.context(task, support)) for task in tasks}

    def distribution(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Gaussian]:
        """Answer inputs ``[batch, ...]`` with the distributions of ``[batch, n_outputs]`` by task."""
        x = self._flat(inputs)
        return {task.name: self.gaussian(state[task.name], x) for task in tasks}

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]`` with means ``[batch, n_outputs]`` by task name."""
        return {name: found.mean for name, found in self.distribution(state, tasks, inputs).items()}

    def forward(self, tasks: Sequence[Task], support: Batch, query: Batch) -> Tensor:
        """Return the negative log-likelihood of the query, summed over tasks; a scalar."""
        asked = [task for task in tasks if task.name in query.targets]
        return torch.stack(
            [self.negative_log_likelihood(self.context(t, support), self.context(t, query)) for t in asked]
        ).sum()

    def negative_log_likelihood(self, support: Context, query: Context) -> Tensor:
        """Return the mean negative log density of the labelled values of a query; a scalar, 0 for none.

        A learner with a latent variable returns an upper bound of it.
        """
        found = self.gaussian(self.encode(support), query.x)
        return mean_of_labels(-found.log_density(query.y), query)

    def context(self, task: Task, batch: Batch) -> Context:
        """Take the examples of one task from a batch; see `learn` for what it raises."""
        self._check(task, batch)
        x, target, mask = self._flat(batch.inputs), batch.targets[task.name], batch.masks.get(task.name)
        y = target.reshape(len(x), self.n_outputs).to(x.dtype)
        labels = torch.ones_like(y, dtype=torch.bool) if mask is None else mask.reshape(len(x), -1)
        labels = labels.expand(y.shape)  # a mask may be one for all outputs
        return Context(x=x, y=torch.where(labels, y, torch.zeros_like(y)), known=labels.all(1), labels=labels)

    def _flat(self, inputs: Inputs) -> Tensor:
        if not isinstance(inputs, Tensor):
            raise InputError(
                f"{type(self).__name__} takes one tensor as inputs, got a mapping; join its tensors first."
            )
        x = inputs.reshape(inputs.shape[0], -1)
        x = x if x.is_floating_point() else x.to(torch.get_default_dtype())
        if x.shape[1] != self.n_inputs:
            raise InputError(
                f"The inputs have {x.shape[1]} numbers each, but {type(self).__name__} was built with "
                f"`n_inputs` = {self.n_inputs}."
            )
        return x

    def _check(self, task: Task, batch: Batch) -> None:
        name = type(self).__name__
        if task.kind != "regression":
            raise InputError(f"{name} answers regression tasks, but {task.name!r} is {task.kind}.")
        if task.n_outputs != self.n_outputs:
            raise InputError(
                f"Task {task.name!r} has {task.n_outputs} outputs, but {name} was built with `n_outputs` = "
                f"{self.n_outputs}."
            )
        if task.name not in batch.targets:
            raise InputError(f"The batch has no target of task {task.name!r}.")


def bounded_gaussian(raw: Tensor, min_std: float) -> Gaussian:
    r"""Read a network's output as a distribution: :math:`\sigma = m + (1 - m) \, \mathrm{softplus}(\rho)`.

    Args:
        raw: ``[batch, 2 * n_outputs]``: means, then :math:`\rho`.
        min_std: The lower bound :math:`m`; without one, a few easy points can make training diverge.

    Example:
        >>> bounded_gaussian(torch.tensor([[3.0, 0.0]]), 0.1)
        Gaussian(mean=tensor([[3.]]), std=tensor([[0.7238]]))
    """
    mean, rho = widened(raw).chunk(2, dim=-1)  # the logarithm of a standard deviation needs its digits
    return Gaussian(mean=mean, std=min_std + (1 - min_std) * functional.softplus(rho))


def mean_of_labels(values: Tensor, query: Context) -> Tensor:
    """Average values ``[row, n_outputs]`` where there is a label; a scalar, 0 for none."""
    kept = torch.where(query.labels, values, torch.zeros_like(values))
    return kept.sum() / query.labels.sum().clamp(min=1)


def check_sizes(learner: str, *, min_std: float, **sizes: int) -> None:
    """Check the arguments that the learners of this folder share.

    Raises:
        InputError: A size is below 1, or the bound of the standard deviations not in (0, 1).
    """
    problems = [f"`{name}` must be at least 1, got {size}" for name, size in sizes.items() if size < 1]
    if not 0 < min_std < 1:
        problems.append(f"`min_std` must be in (0, 1), got {min_std}")
    if problems:
        raise InputError(f"{learner}: " + "; ".join(problems) + ".")
