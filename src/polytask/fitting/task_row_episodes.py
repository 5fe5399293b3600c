"""Episodes out of rows that belong to tasks: some rows of a task are shown, others are asked."""

import torch
from torch import Tensor

from polytask.core import Batch, EpisodeStack, Task, generator
from polytask.data import Source
from polytask.models.known_rows import KnownRows

__all__ = ["TaskRowEpisodes"]

_NUMBER = Task(name="y", kind="regression")
_MOST_SHOWN, _MOST_ASKED = 64, 24  # rows of an episode
_NONE_SHOWN = 0.15  # the share of episodes in which no row is shown


class TaskRowEpisodes(Source):
    """Draws tasks, and of each how many of its rows are shown.

    None in 15 % of the episodes; else the number is uniform on a logarithmic scale, up to 64, so that few
    rows are met as often as many. Tasks count alike. Episodes of a step have one shape: what is missing in
    one is masked.

    Args:
        rows: Of the tasks to draw; a task needs two.
        n_episodes: Of a step.
        seed: Decides every step.
        task: What is asked, called ``y``: numbers, as many as the rows have labels, or classes.
        some_shown: Whether a row is shown in every episode.
    """

    def __init__(
        self,
        rows: KnownRows,
        *,
        n_episodes: int = 16,
        seed: int = 0,
        task: Task = _NUMBER,
        some_shown: bool = False,
    ) -> None:
        self.task = task
        self.some_shown = some_shown
        self.rows = rows
        labels = rows.labels if task.kind == "regression" else rows.labels.long()
        self.labels = labels if rows.labels.shape[1] > 1 else labels[:, 0]
        self.tasks = [numbers for numbers in rows.by_task().values() if len(numbers) > 1]
        self.n_episodes = n_episodes
        self.seed = seed

    def step(self, index: int) -> EpisodeStack:
        """See `Source.step`."""
        draw = generator(self.seed, "step", index)
        chosen = torch.randint(len(self.tasks), (self.n_episodes,), generator=draw).tolist()
        shown, asked = zip(*(self._cut(self.tasks[task], draw) for task in chosen), strict=True)
        return EpisodeStack(tasks=(self.task,), support=self._batch(shown), query=self._batch(asked))

    def _cut(self, numbers: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        order = numbers[torch.randperm(len(numbers), generator=draw)]
        most = min(len(order) - 1, _MOST_SHOWN)
        share, none = torch.rand(2, generator=draw).tolist()
        n_shown = min(most, int((most + 1) ** share))
        n_shown = 0 if none < _NONE_SHOWN and not self.some_shown else n_shown
        return order[:n_shown], order[n_shown : n_shown + _MOST_ASKED]

    def _batch(self, parts: tuple[Tensor, ...]) -> Batch:
        longest = max(1, *map(len, parts))
        places = torch.zeros(len(parts), longest, dtype=torch.int64)
        mask = torch.zeros(len(parts), longest, dtype=torch.bool)
        for index, numbers in enumerate(parts):
            places[index, : len(numbers)] = numbers
            mask[index, : len(numbers)] = True
        there = mask if self.labels.ndim == 1 else mask.unsqueeze(-1)
        labels = torch.where(there, self.labels[places], 0)
        return Batch(inputs=self.rows.inputs[places], targets={"y": labels}, masks={"y": mask})
