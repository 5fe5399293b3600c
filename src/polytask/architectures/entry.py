"""What the catalogue says of an architecture, and what a table gives to build it from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from polytask.architectures.trunks import table_trunk
from polytask.core import Sharing, Task
from polytask.core.catalogue import stated
from polytask.core.verdicts import method_verdict

__all__ = ["ArchitectureEntry", "TablePlan", "catalogued"]

Architecture = TypeVar("Architecture", bound=Sharing)


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan:
    """What an architecture for the rows of a table is built from.

    Args:
        names: The names of all tasks.
        n_features: Width of the input ``[batch, feature]``.
        width: Units of each layer, and of the representation.
        depth: Layers.
        dropout: Probability of dropping a unit.
        soft_strength: How strongly trunks of different tasks pull each other.
        members: Networks of an ensemble.

    Example:
        >>> plan = TablePlan(names=("a", "b"), n_features=3, width=8, depth=2)
        >>> plan.sizes, len(plan.layers())
        ([3, 8], 2)
    """

    names: Sequence[str]
    n_features: int
    width: int = 64
    depth: int = 2
    dropout: float = 0.1
    soft_strength: float = 1e-2
    members: int = 16

    @property
    def widths(self) -> list[int]:
        """What each layer gives."""
        return [self.width] * self.depth

    @property
    def sizes(self) -> list[int]:
        """What each layer reads."""
        return [self.n_features, *[self.width] * (self.depth - 1)]

    def trunk(self) -> nn.Module:
        """Build all layers, from ``[batch, feature]`` to ``[batch, width]``."""
        return table_trunk(self.n_features, self.widths, dropout=self.dropout)

    def layers(self) -> list[Callable[[], nn.Module]]:
        """Return what builds each layer."""
        return [
            lambda n_in=n_in: table_trunk(n_in, [self.width], dropout=self.dropout) for n_in in self.sizes
        ]


def _linear(plan: TablePlan, task: Task) -> nn.Module:
    return nn.Linear(plan.width, task.n_outputs)


def _as_it_is(task: Task) -> Task:
    return task


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchitectureEntry:
    """What the catalogue says of an architecture; see `catalogued`.

    Args:
        name: What it is called there.
        build: Makes it for a table.
        reference: The paper.
        summary: How the tasks share, in a few words.
        uses: Settings that it alone has a use for, by their names in `TablePlan`.
        for_one_task: Whether it is of use for a single task, which has nobody to share with.
        alike: Whether all tasks get one representation, so that a head for several of them would be no use.
        shared_heads: Whether targets of one kind have one head, where nothing else is asked.
        least_depth: The fewest layers that it can be built of.
        head: Makes the head of a task, a linear layer unless said otherwise.
        trained: Gives a task the loss that its model is trained on; the task's own unless said otherwise.
    """

    name: str
    build: Callable[[TablePlan], Sharing]
    reference: str
    summary: str
    uses: tuple[str, ...] = ()
    for_one_task: bool = False
    alike: bool = False
    shared_heads: bool = False
    least_depth: int = 1
    head: Callable[[TablePlan, Task], nn.Module] = _linear
    trained: Callable[[Task], Task] = _as_it_is

    @property
    def verdict(self) -> str:
        """What it was worth in our comparison of all methods; empty where it had no part."""
        return method_verdict("architecture", self.name)


def catalogued(entry: ArchitectureEntry) -> Callable[[type[Architecture]], type[Architecture]]:
    """State at an architecture's class what the catalogue says of it.

    Example:
        >>> from polytask.architectures import HardSharing
        >>> HardSharing.entries[0].name
        'hard'
    """
    return lambda architecture: stated(architecture, entry)
