"""Tasks as vectors: to which parts of the shared layers their answers are sensitive."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from polytask.core import Batch, InputError, Learner, Task, generator, jacobian, shared_parameters
from polytask.core.modes import evaluating

__all__ = ["TaskEmbeddings", "task_embeddings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEmbeddings:
    """A vector for every task.

    Args:
        names: The tasks.
        vectors: ``[task, unit]``, 0 or more: the mean Fisher information of the weights of each unit, a row
            of a shared weight matrix, a filter, or one entry of a shared vector.
    """

    names: tuple[str, ...]
    vectors: Tensor

    def similarity(self) -> Tensor:
        r"""Compare all pairs of tasks: ``[task, task]``, between 0 and 1, and 1 on the diagonal.

        .. math:: s_{ab} = \cos\Bigl(\frac{F_a}{F_a + F_b}, \frac{F_b}{F_a + F_b}\Bigr)

        elementwise, each vector first divided by its mean, so that the unit of a loss does not matter. A unit
        to which neither task is sensitive counts for nothing. For groups see `similarity_gains`.
        """
        scaled = self.vectors / self.vectors.mean(1, keepdim=True)  # [task, unit]
        sums = scaled[:, None] + scaled[None]  # [task, task, unit]
        shares = torch.where(sums > 0, scaled[:, None] / sums.clamp(min=torch.finfo(sums.dtype).tiny), 0.0)
        return torch.cosine_similarity(shares, shares.transpose(0, 1), dim=-1).clamp(max=1.0)


def task_embeddings(
    learner: Learner, tasks: Sequence[Task], data: Batch, *, n_examples: int = 256, seed: int = 0
) -> TaskEmbeddings:
    r"""Embed tasks by the diagonal of the Fisher information of the shared parameters.

    .. math:: F_t = \mathbb{E}_{x} \, \mathbb{E}_{y \sim p_t(y | x)}
        \bigl[ (\nabla_\theta \log p_t(y | x))^2 \bigr]

    averaged over the weights of a unit. :math:`p_t` is what the trained learner predicts: Gaussian with unit
    variance for a regression, Bernoulli for binary and multilabel, categorical for multiclass. The
    expectation over :math:`y` is exact, by one backward pass for each output of each example; the labels
    only say which examples belong to the task. A task's own `Task.loss` is not looked at.

    Args:
        learner: A trained joint learner that knows its tasks by name; run in evaluation mode, not changed.
        tasks: The tasks.
        data: Examples; those with a label of the task are used.
        n_examples: How many of them at most, drawn by chance.
        seed: Decides which.

    Raises:
        InputError: A task has no label, nothing is shared, ``n_examples`` is below 1, or no shared parameter
            matters to a task.

    Example:
        >>> from polytask.core import SharedModel
        >>> from polytask.architectures import HardSharing
        >>> tasks = [Task(name=name, kind="regression") for name in "ab"]
        >>> model = SharedModel(tasks, HardSharing(nn.Linear(3, 4)), {n: nn.Linear(4, 1) for n in "ab"})
        >>> data = Batch(inputs=torch.rand(9, 3), targets={"a": torch.rand(9), "b": torch.rand(9)})
        >>> task_embeddings(model, tasks, data).vectors.shape  # 4 rows of the weight, 4 biases
        torch.Size([2, 8])

    References:
        Alessandro Achille, Michael Lam, Rahul Tewari, Avinash Ravichandran, Subhransu Maji, Charless Fowlkes,
        Stefano Soatto, Pietro Perona, "Task2Vec: Task Embedding for Meta-Learning", ICCV 2019,
        arXiv:1902.03545 (Fisher embedding, average over filters, symmetric distance). Deviations: the probe
        is the joint learner itself, where they fit a new last layer to one network trained on ImageNet; the
        expectation over labels is exact, where they estimate the diagonal by a variational bound; biases and
        the other shared vectors are kept as they are; embeddings are divided by their mean; regression; no
        asymmetric distance. Theirs compares tasks of different data sets, and its use for grouping the tasks
        of one joint learner is ours.
    """
    _check(learner, tasks, data, n_examples)
    shared = shared_parameters(learner)
    device = shared[0].device
    rows = []
    with evaluating(learner), torch.enable_grad():
        for task in tasks:
            chosen = data.labelled(task.name).nonzero()[:, 0].cpu()
            order = torch.randperm(len(chosen), generator=generator(seed, "embedding", task.name))
            part = data.rows(chosen[order[:n_examples]]).to(device)
            rows.append(_by_unit(_fisher(learner, task, part, shared), shared))
    vectors = torch.stack(rows)  # [task, unit]
    mute = [task.name for task, vector in zip(tasks, vectors) if not (vector > 0).any()]
    if mute:
        raise InputError(f"No shared parameter matters to {', '.join(mute)}; leave such tasks out.")
    return TaskEmbeddings(names=tuple(task.name for task in tasks), vectors=vectors)


def _check(learner: Learner, tasks: Sequence[Task], data: Batch, n_examples: int) -> None:
    problems = []
    if n_examples < 1:
        problems.append(f"`n_examples` must be at least 1, got {n_examples}")
    if not tasks:
        problems.append("there is no task")
    without = [task.name for task in tasks if not data.n_labels(task.name)]
    if without:
        problems.append(f"`data` has no label of {', '.join(without)}; add some or drop the task")
    if not shared_parameters(learner):
        problems.append("the learner shares no trainable parameter, so that there is nothing to compare")
    if problems:
        raise InputError("Task embeddings: " + "; ".join(problems) + ".")


def _fisher(learner: Learner, task: Task, data: Batch, shared: Sequence[nn.Parameter]) -> Tensor:
    """Return the diagonal of the Fisher information, ``[parameter]``."""
    predict = learner.adapt([task])
    total = torch.zeros(sum(parameter.numel() for parameter in shared), device=shared[0].device)
    for position in range(len(data)):
        # One by one: the gradients of examples must not be summed before they are squared.
        prediction = predict(data.rows(slice(position, position + 1)).inputs)[task.name][0]  # [output]
        directions = _square_root(task, prediction.detach())  # [direction, output]
        total = total + jacobian(directions @ prediction, shared).square().sum(0)
    return total / len(data)


def _square_root(task: Task, prediction: Tensor) -> Tensor:
    """Return R with R'R the Fisher information of the prediction itself, ``[direction, output]``."""
    if task.kind == "regression":
        return torch.eye(len(prediction), dtype=prediction.dtype, device=prediction.device)
    if task.kind == "multiclass":
        chances = prediction.softmax(0)
        identity = torch.eye(len(chances), dtype=chances.dtype, device=chances.device)
        return chances.sqrt()[:, None] * (identity - chances)  # a direction for each class that may come up
    chances = prediction.sigmoid()
    return torch.diag((chances * (1 - chances)).sqrt())


def _by_unit(fisher: Tensor, shared: Sequence[nn.Parameter]) -> Tensor:
    """Average over all dimensions but the first, ``[unit]``."""
    pieces = fisher.split([parameter.numel() for parameter in shared])
    return torch.cat(
        [
            piece.reshape(len(parameter), -1).mean(1) if parameter.ndim > 1 else piece
            for piece, parameter in zip(pieces, shared)
        ]
    )
