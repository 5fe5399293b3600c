"""Sources whose steps are numbers, and made-up losses for curricula."""

from collections.abc import Iterable

import numpy as np
import torch

from polytask.core import Batch, Episode, Task
from polytask.data import Source
from polytask.data.steps.source_curriculum import SourceCurriculum

__all__ = ["Counting", "counting", "losses_at", "number", "trained"]


class Counting(Source):
    """The input of a step is its index."""

    def __init__(self, *names: str) -> None:
        self.tasks = tuple(Task(name=name, kind="regression") for name in names)

    def step(self, index):
        targets = {task.name: torch.zeros(2) for task in self.tasks}
        batch = Batch(inputs=torch.full((2, 1), float(index)), targets=targets)
        return (Episode(tasks=self.tasks, query=batch),)


def number(episode: Episode) -> int:
    assert isinstance(episode.query.inputs, torch.Tensor)
    return int(episode.query.inputs[0, 0])


def counting(names: Iterable[str] = "abc") -> dict[str, Source]:
    return {name: Counting(name) for name in names}


def losses_at(curriculum: SourceCurriculum, step: int) -> dict[str, float]:
    """Return made-up losses of the sources that the next step asks: a falls, b stays, c is noisy."""
    numbers = np.random.default_rng(step)
    made = {"a": 2.0 * 0.99**step, "b": 1.0, "c": 1.0 + 0.3 * numbers.random()}
    return {name: made[name] for name in curriculum.drawn()}


def trained(curriculum: SourceCurriculum, n_steps: int, first: int = 0) -> SourceCurriculum:
    for step in range(first, first + n_steps):
        curriculum.told(step, losses_at(curriculum, step))
    return curriculum
