"""Labels of classes, as a network that reads the support takes them in and gives them out."""

import torch
from torch import Tensor

from polytask.core import Batch, InputError, Task

__all__ = ["class_outputs", "class_labels", "labels_of"]


def class_labels(learner: str, task: Task, support: Batch, n_classes: int) -> tuple[Tensor, Tensor]:
    """Return the labels of a task as one-hot rows.

    Args:
        learner: The name of the learner that asks, for messages.
        task: Multiclass, or binary, which is taken for two classes.
        support: The examples.
        n_classes: Width of the rows; the task may have fewer classes.

    Returns:
        The rows ``[batch, class]``, 0 where there is no label; and which rows have one, bool ``[batch]``.

    Raises:
        InputError: The task is of another kind, has too many classes, or no target in the batch.

    Example:
        >>> support = Batch(inputs=torch.zeros(2, 1), targets={"y": torch.tensor([1, 0])})
        >>> class_labels("SNAIL", Task(name="y", kind="binary"), support, 3)
        (tensor([[0., 1., 0.],
                [1., 0., 0.]]), tensor([True, True]))
    """
    if task.kind not in ("multiclass", "binary"):
        raise InputError(f"{learner} answers multiclass and binary tasks, but {task.name!r} is {task.kind}.")
    asked = max(task.n_outputs, 2)
    if asked > n_classes:
        raise InputError(
            f"Task {task.name!r} has {asked} classes, but {learner} was built for {n_classes}; "
            "raise `n_classes`."
        )
    target, known = labels_of(task, support)
    member = target.unsqueeze(1) == torch.arange(n_classes, device=target.device)
    return (member & known.unsqueeze(1)).to(torch.get_default_dtype()), known


def labels_of(task: Task, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the labels of a task, 0 where there is none, and which rows have one; both ``[batch]``.

    Raises:
        InputError: The batch has no target of the task.
    """
    if task.name not in batch.targets:
        raise InputError(f"`support` has no target of task {task.name!r}.")
    target = batch.targets[task.name]
    target = target.reshape(target.shape[0])  # a single output may have its dimension or not
    mask = batch.masks.get(task.name)
    if mask is None:
        return target, torch.ones_like(target, dtype=torch.bool)
    mask = mask.reshape(target.shape)
    return torch.where(mask, target, torch.zeros_like(target)), mask  # NaN may stand for a missing label


def class_outputs(task: Task, logits: Tensor) -> Tensor:
    """Turn the logits of all classes ``[batch, class]`` into a prediction of the task ``[batch, n_outputs]``.

    Example:
        >>> class_outputs(Task(name="y", kind="binary"), torch.tensor([[1.0, 4.0, 9.0]]))
        tensor([[3.]])
    """
    return logits[:, 1:2] - logits[:, :1] if task.kind == "binary" else logits[:, : task.n_outputs]
