"""Episodes of one form, held on top of each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import overload

import torch
from torch import Tensor

from polytask.core.batch import Batch, Episode
from polytask.core.errors import InputError
from polytask.core.task import Task

__all__ = ["EpisodeStack"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpisodeStack(Sequence[Episode]):
    """A sequence of episodes of the same tasks and shapes, whose tensors are held stacked.

    A source that makes the episodes of a step at once returns them so, and an execution that runs them at
    once takes them so: nobody describes, checks and stacks them one by one. Whoever takes an episode out of
    it gets a view.

    Args:
        tasks: The tasks of every episode.
        support: The support batches; every tensor is ``[episode, example, ...]``.
        query: Likewise.

    Raises:
        InputError: The numbers of episodes differ, there is none, or what is in one does not fit together;
            see `Batch` and `Episode`.

    Example:
        >>> task = Task(name="y", kind="regression")
        >>> support = Batch(inputs=torch.zeros(25, 5, 1), targets={"y": torch.zeros(25, 5)})
        >>> query = Batch(inputs=torch.zeros(25, 15, 1), targets={"y": torch.zeros(25, 15)})
        >>> episodes = EpisodeStack(tasks=(task,), support=support, query=query)
        >>> len(episodes), len(episodes[3].query), episodes[:2].support.inputs.shape
        (25, 15, torch.Size([2, 5, 1]))
    """

    tasks: tuple[Task, ...]
    support: Batch
    query: Batch

    def __post_init__(self) -> None:
        if not len(self.query) or len(self.support) != len(self.query):
            raise InputError(
                "A stack needs the support and the query of one episode or more, got "
                f"{len(self.support)} and {len(self.query)}."
            )
        self[0]  # what is wrong in one episode is so in all of them: they are of one shape

    def __len__(self) -> int:
        return len(self.query)

    @overload
    def __getitem__(self, index: int) -> Episode: ...
    @overload
    def __getitem__(self, index: slice) -> "EpisodeStack": ...
    def __getitem__(self, index: int | slice) -> "Episode | EpisodeStack":
        if isinstance(index, slice):
            return self.only(index)
        support, query = (batch.map(lambda tensor: tensor[index]) for batch in (self.support, self.query))
        return Episode(tasks=self.tasks, support=support, query=query)

    def only(self, index: Tensor | slice) -> "EpisodeStack":
        """Keep the episodes at ``index``: whole numbers, a boolean row, or a slice."""
        return self._map(lambda batch: batch.rows(index))

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "EpisodeStack":
        """Move all episodes to a device; ``dtype``, if given, applies to the floating tensors alone."""
        return self._map(lambda batch: batch.to(device, dtype))

    def unlabelled(self) -> list[int]:
        """Return the indices of the episodes whose query has no label of any task."""
        names = [task.name for task in self.tasks if task.name in self.query.targets]
        n_examples = self.query.targets[names[0]].shape[1] if names else 0
        if not n_examples:
            return list(range(len(self)))
        if any(name not in self.query.masks for name in names):
            return []
        # To the stacked batch an episode is what an example is to another batch.
        labelled = torch.stack([self.query.labelled(name) for name in names]).any(0)  # [episode]
        return (~labelled).nonzero().flatten().tolist()

    def _map(self, function: Callable[[Batch], Batch]) -> "EpisodeStack":
        return replace(self, support=function(self.support), query=function(self.query))
