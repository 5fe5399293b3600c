"""What tasks add to exported networks: a second input, the number of each row's task."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from polytask.estimators.exported_networks import ExportedNetworks, finished
from polytask.models.target_tasks import TargetTasks
from polytask.models.task_effects import EffectFeatures
from polytask.models.task_table_model import TaskTableModel

__all__ = ["TASK_INPUT", "ExportedTasks", "described_tasks"]

TASK_INPUT = "task"


class ExportedTasks(nn.Module):
    """The networks of a model with tasks, and how each known task differs.

    Args:
        networks: Those of the pooled model.
        tasks: What is known of the tasks, by target.

    Attributes:
        names: Of the targets, in the order of the outputs.
    """

    def __init__(self, networks: ExportedNetworks, tasks: Sequence[TargetTasks]) -> None:
        super().__init__()
        self.networks = networks
        self.names = networks.names
        self.effects = nn.ModuleList(_Effects(one) for one in tasks)

    def forward(self, features: Tensor, task: Tensor) -> tuple[Tensor, ...]:
        """Predict ``[row, feature]`` of tasks ``[row]``; see `ExportedNetworks`.

        Args:
            features: Encoded rows, float32.
            task: The number of each row's task, int64, in the order of the model's; -1 for another.
        """
        pooled = self.networks.outputs(features)
        found = [effects(features, values, task) for effects, values in zip(self.effects, pooled)]
        return tuple(finished(target, values) for target, values in zip(self.networks.targets, found))


class _Effects(nn.Module):
    """Corrects one target: features of a row times what is known of its task, in 64 bits.

    A table holds the weights of every task, ``[task + 1, output, feature]``; the last are those of a task of
    which nothing is known.
    """

    weights: Tensor

    def __init__(self, known: TargetTasks) -> None:
        super().__init__()
        self.features: EffectFeatures | None = None if known.prior is None else known.prior.features
        if known.prior is not None:
            self.register_buffer("weights", known.weights())

    def forward(self, inputs: Tensor, outputs: Tensor, task: Tensor) -> Tensor:
        if self.features is None:
            return outputs
        last = len(self.weights) - 1
        index = torch.where((task >= 0) & (task < last), task, last)
        return outputs.double() + (self.features(inputs, outputs) * self.weights[index]).sum(-1)


def described_tasks(model: TaskTableModel) -> dict[str, Any]:
    """Say which number is which task, as plain JSON."""
    tasks = list(model.tasks)
    return {"name": TASK_INPUT, "type": "int64", "column": model.column, "tasks": tasks, "other": -1}
