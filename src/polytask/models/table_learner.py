"""The architectures of table models, by name."""

from collections.abc import Callable, Sequence

from torch import nn

from polytask.architectures import (
    CGC,
    MTAN,
    PLE,
    CrossStitch,
    DSelectK,
    FiLMSharing,
    HardSharing,
    MMoE,
    SoftSharing,
    SparseLowRankSharing,
    TraceNormSharing,
    table_trunk,
)
from polytask.core import SharedModel, Sharing, Task
from polytask.encoders import TabM, TabMHead, member_task
from polytask.models.table_config import TableConfig

__all__ = ["build_table_learner", "trained_tasks"]


def build_table_learner(tasks: Sequence[Task], n_features: int, config: TableConfig) -> SharedModel:
    """Build an untrained model for the rows of a table.

    A single task has nobody to share with, and gets the plain trunk, or the ensemble.
    """
    if config.sharing == "tabm":
        trunk = TabM(
            n_features, [config.width] * config.depth, n_members=config.members, dropout=config.dropout
        )
        heads = {task.name: TabMHead(task, config.width, n_members=config.members) for task in tasks}
        return SharedModel(tasks, HardSharing(trunk), heads)
    sharing = _sharing([task.name for task in tasks], n_features, config)
    return SharedModel(tasks, sharing, {task.name: nn.Linear(config.width, task.n_outputs) for task in tasks})


def trained_tasks(tasks: Sequence[Task], config: TableConfig) -> list[Task]:
    """Return the tasks with the losses that their model is trained on."""
    return [member_task(task) for task in tasks] if config.sharing == "tabm" else list(tasks)


def _sharing(names: Sequence[str], n_features: int, config: TableConfig) -> Sharing:
    width, sizes = config.width, [n_features, *[config.width] * (config.depth - 1)]

    def trunk() -> nn.Module:
        return table_trunk(n_features, [width] * config.depth, dropout=config.dropout)

    def layer(n_in: int) -> nn.Module:
        return table_trunk(n_in, [width], dropout=config.dropout)

    def layers() -> list[Callable[[], nn.Module]]:
        return [lambda n_in=n_in: layer(n_in) for n_in in sizes]

    if config.sharing == "hard" or len(names) == 1:
        return HardSharing(trunk())
    builders: dict[str, Callable[[], Sharing]] = {
        "soft": lambda: SoftSharing(names, trunk, strength=config.soft_strength),
        "trace-norm": lambda: TraceNormSharing(names, trunk, strength=config.soft_strength),
        "sparse-low-rank": lambda: SparseLowRankSharing(names, trunk, rank=2),
        "cross-stitch": lambda: CrossStitch(names, layers(), channels=[width] * config.depth),
        "mmoe": lambda: MMoE(names, trunk, 4, gate=n_features),
        "cgc": lambda: CGC(names, trunk, gate=n_features, n_shared=2),
        "ple": lambda: PLE(names, layers(), gates=sizes, n_shared=2),
        "dselect-k": lambda: DSelectK(names, trunk, 4, n_selected=2),
        "mtan": lambda: MTAN(names, [build() for build in layers()], channels=[width] * config.depth),
        "film": lambda: FiLMSharing(names, [build() for build in layers()], channels=[width] * config.depth),
    }
    return builders[config.sharing]()
