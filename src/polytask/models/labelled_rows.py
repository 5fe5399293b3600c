"""Labelled rows of tasks, from which a model learns each label once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from polytask.models.target_tasks import TargetTasks
from polytask.models.task_labels import repeated_text

__all__ = ["LabelledRows"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledRows:
    """Encoded rows whose tasks and labels are known.

    Args:
        inputs: ``[row, feature]``.
        outputs: What the pooled model predicts for them, by target ``[row, n_outputs]``.
        labels: By target the labels and where there is one, ``[row]`` each; a target may be missing.
        task: The number of each row's task, long ``[row]``.
    """

    inputs: Tensor
    outputs: Mapping[str, Tensor]
    labels: Mapping[str, tuple[Tensor, Tensor]]
    task: Tensor

    def taught(
        self, known: Sequence[TargetTasks], *, n_tasks: int, again: bool
    ) -> tuple[list[TargetTasks], list[str]]:
        """Return what is known of the tasks with these rows, and in words what was left out.

        Args:
            known: What was known of each target's tasks.
            n_tasks: How many tasks there are now.
            again: Whether labels that were learned from before count once more.
        """
        taught, n_labels, n_repeated = [], 0, 0
        nothing = self.task, torch.zeros(len(self.task), dtype=torch.bool)
        for one in known:
            values, there = self.labels.get(one.target.name, nothing)
            new = there.clone()
            if not again:
                new[there] = one.new(self.inputs[there], values[there], self.task[there])
            n_labels, n_repeated = n_labels + int(there.sum()), n_repeated + int((there & ~new).sum())
            outputs = self.outputs[one.target.name][new]
            taught.append(
                one.learned(self.inputs[new], outputs, values[new], self.task[new], n_tasks=n_tasks)
            )
        return taught, [repeated_text(n_repeated, n_labels)] if n_repeated else []
