"""The classes of a support: which example counts for which, that each has one, and their mean features."""

import torch
from torch import Tensor

from polytask.core import Batch, InputError, Task
from polytask.core.torch_internals import inside_transform

__all__ = ["check_classes", "check_every_class", "class_means", "membership"]


def membership(task: Task, batch: Batch) -> Tensor:
    """Tell which example counts for which class: bool ``[batch, class]``; none without a label.

    Example:
        >>> batch = Batch(inputs=torch.zeros(2, 1), targets={"y": torch.tensor([1, 0])},
        ...               masks={"y": torch.tensor([True, False])})
        >>> membership(Task(name="y", kind="multiclass", n_outputs=2), batch)
        tensor([[False,  True],
                [False, False]])
    """
    target = batch.targets[task.name]
    member = target.unsqueeze(1) == torch.arange(task.n_outputs, device=target.device)
    mask = batch.masks.get(task.name)
    return member if mask is None else member & mask.unsqueeze(1)


def check_classes(method: str, task: Task, support: Batch) -> None:
    """Check that the support shows every class of a task, and no other one.

    Raises:
        InputError: The task is not multiclass, has no label, or a class of it has none; or a label is none of
            its classes.
    """
    if task.kind != "multiclass":
        raise InputError(
            f"{method} answers multiclass tasks, but {task.name!r} is {task.kind}. For a binary task use "
            "'multiclass' with `n_outputs=2`."
        )
    if task.name not in support.targets:
        raise InputError(f"`support` has no target of task {task.name!r}.")
    members = membership(task, support)
    check_every_class(task, members)
    if not inside_transform():
        strange = support.labelled(task.name).to(members.device) & ~members.any(1)
        if strange.any():
            labels = support.targets[task.name][strange].unique().tolist()
            raise InputError(
                f"`support` of task {task.name!r} has labels {', '.join(map(str, labels))}, but its "
                f"{task.n_outputs} classes are the numbers from 0. Mask a row that has no label."
            )


def check_every_class(task: Task, members: Tensor) -> None:
    """Check that each class has a row, of those that count for it: ``[row, class]``.

    Raises:
        InputError: A class has none.
    """
    if inside_transform():
        return  # inside a transform such as vmap, where values cannot be looked at
    missing = (~members.any(0)).nonzero().flatten().tolist()
    if missing:
        raise InputError(
            f"`support` of task {task.name!r} needs an example of every class, but "
            f"{', '.join(map(str, missing))} have none. Lower `n_way` or raise `n_shot`."
        )


def class_means(features: Tensor, members: Tensor) -> Tensor:
    """Average the features of each class.

    Args:
        features: ``[row, feature]``.
        members: How much each row counts for each class, ``[row, class]``.

    Returns:
        ``[class, feature]``; 0 for a class without rows.
    """
    counts = members.sum(0).unsqueeze(1)  # [class, 1]
    return (members.T @ features) / torch.where(counts > 0, counts, 1.0)
