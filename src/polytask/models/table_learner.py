"""The learner of a table model, as its settings say."""

from collections.abc import Sequence

from torch import nn

from polytask.architectures.catalogue import architecture_entry
from polytask.architectures.entry import ArchitectureEntry, TablePlan
from polytask.core import SharedModel, Task
from polytask.models.table_config import TableConfig, shares_heads

__all__ = ["build_table_learner", "trained_tasks"]


def build_table_learner(tasks: Sequence[Task], n_features: int, config: TableConfig) -> SharedModel:
    """Build an untrained model for the rows of a table.

    A single task has nobody to share with, and gets the plain trunk, or what else is of use alone.
    """
    plan = TablePlan(
        names=[task.name for task in tasks],
        n_features=n_features,
        width=config.width,
        depth=config.depth,
        dropout=config.dropout,
        soft_strength=config.soft_strength,
        members=config.members,
    )
    entry = _entry(tasks, config)
    sharing = entry.build(plan)
    if not shares_heads(entry, config.heads):
        return SharedModel(tasks, sharing, {task.name: entry.head(plan, task) for task in tasks})
    heads: dict[object, nn.Module] = {}
    return SharedModel(
        tasks,
        sharing,
        {task.name: heads.setdefault(_kin(task), entry.head(plan, task)) for task in tasks},
    )


def _kin(task: Task) -> object:
    """Return what tasks have in common that one head can answer: numbers, two classes, the same classes."""
    return task.kind, task.n_outputs, task.labels if task.kind == "multiclass" else ()


def trained_tasks(tasks: Sequence[Task], config: TableConfig) -> list[Task]:
    """Return the tasks with the losses that their model is trained on."""
    entry = _entry(tasks, config)
    return [entry.trained(task) for task in tasks]


def _entry(tasks: Sequence[Task], config: TableConfig) -> ArchitectureEntry:
    entry = architecture_entry(config.architecture)
    return entry if entry.for_one_task or len(tasks) > 1 else architecture_entry("hard")
