"""A prior over data sets, written as a sampler, as a source of episodes."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from polytask.core import Batch, EpisodeStack, InputError, Task, generator
from polytask.data import Source

__all__ = ["PriorEpisodes", "PriorSampler"]

PriorSampler: TypeAlias = Callable[[int, int, torch.Generator], tuple[Tensor, Tensor]]
"""From (number of sets, of points, generator) to inputs ``[set, point, ...]`` and labels ``[set, point]``.

The generator is the only source of randomness; the points of a set must be exchangeable, as the first are the
support.
"""


class PriorEpisodes(Source):
    """Draws data sets from a prior, and cuts them into support and query at a place drawn for each step.

    Args:
        sample: The prior; also the method ``sample`` of a `polytask.data.episodes.functions.FunctionFamily`.
        task: What is asked; one name for all the data sets.
        n_points: Of a data set, support and query together.
        min_support: The least support points; 0 has the learner answer from the prior alone. At most
            ``n_points - 1``, which is also the most there are.
        n_episodes: Data sets per step.
        seed: Decides every step.

    Raises:
        InputError: A number is out of range; or, when drawn, the sampler's shapes are not as told.

    Example:
        >>> def coins(n_sets, n_points, generator):
        ...     chance = torch.rand(n_sets, 1, generator=generator)
        ...     tosses = torch.rand(n_sets, n_points, generator=generator) < chance
        ...     return torch.zeros(n_sets, n_points, 1), tosses.float()
        >>> source = PriorEpisodes(coins, Task(name="heads", kind="binary"), n_points=20, n_episodes=4)
        >>> [len(episode.support) + len(episode.query) for episode in source.step(0)]
        [20, 20, 20, 20]

    References:
        Müller et al. Transformers Can Do Bayesian Inference. ICLR 2022, arXiv:2112.10510, algorithm 1. The
        size of the support is uniform.
    """

    def __init__(
        self,
        sample: PriorSampler,
        task: Task,
        *,
        n_points: int = 100,
        min_support: int = 1,
        n_episodes: int = 16,
        seed: int = 0,
    ) -> None:
        problems = []
        if not 0 <= min_support < n_points:
            problems.append(
                f"`min_support` must be at least 0 and below `n_points`, so that a query is left; got "
                f"{min_support} of {n_points}"
            )
        if n_episodes < 1:
            problems.append(f"`n_episodes` must be at least 1, got {n_episodes}")
        if problems:
            raise InputError("PriorEpisodes: " + "; ".join(problems) + ".")
        self.sample = sample
        self.task = task
        self.tasks = (task,)
        self.n_points = n_points
        self.min_support = min_support
        self.n_episodes = n_episodes
        self.seed = seed

    def step(self, index: int) -> EpisodeStack:
        """Return ``n_episodes`` episodes with one size of support; see `Source.step`."""
        draw = generator(self.seed, "step", index)
        n_support = int(torch.randint(self.min_support, self.n_points, (), generator=draw))
        x, y = self.sample(self.n_episodes, self.n_points, draw)
        expected = (self.n_episodes, self.n_points)
        if tuple(x.shape[:2]) != expected or tuple(y.shape) != expected:
            raise InputError(
                f"`sample` returned inputs {tuple(x.shape)} and labels {tuple(y.shape)}; they must "
                f"begin with, and be, {expected}."
            )
        support, query = (
            Batch(inputs=x[:, points].contiguous(), targets={self.task.name: y[:, points].contiguous()})
            for points in (slice(n_support), slice(n_support, None))
        )
        return EpisodeStack(tasks=self.tasks, support=support, query=query)
