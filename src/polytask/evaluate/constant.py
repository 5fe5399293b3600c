"""The weakest baseline: one answer for every input."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.core import Batch, Predictor, Task
from polytask.core.batch import Inputs, batch_size
from polytask.core.learner import States

__all__ = ["constant_predictor"]


def constant_predictor(tasks: Sequence[Task], train: Batch) -> Predictor:
    """Return the predictor that always answers the training mean, or the training class frequencies.

    Args:
        tasks: The tasks; each needs a label in ``train``.
        train: The training examples.
    """
    answers = {task.name: {"constant": _answer(task, train)} for task in tasks}

    def function(state: States, inputs: Inputs) -> dict[str, Tensor]:
        rows = batch_size(inputs)
        return {name: parts["constant"].expand(rows, -1) for name, parts in state.items()}

    return Predictor(tasks=tuple(tasks), function=function, state=answers)


def _answer(task: Task, train: Batch) -> Tensor:
    target = train.targets[task.name].float()
    mask = train.masks.get(task.name, torch.ones_like(target, dtype=torch.bool))
    if task.kind == "multiclass":
        counts = torch.bincount(target[mask].long(), minlength=task.n_outputs).float()
        return (counts / counts.sum()).clamp(min=1e-6).log()
    target = target.reshape(len(target), -1)  # [example, output]
    mask = mask.reshape(len(mask), -1).expand_as(target)
    mean = torch.where(mask, target, 0.0).sum(0) / mask.sum(0).clamp(min=1)  # [output]
    return mean if task.kind == "regression" else torch.logit(mean, eps=1e-6)
