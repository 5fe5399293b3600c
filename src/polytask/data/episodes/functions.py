"""Families of functions, and few-shot regression episodes drawn from them."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from polytask.core import Batch, EpisodeStack, InputError, Task, generator
from polytask.core.settings import SettingsCheck
from polytask.data.source import Source

__all__ = ["FunctionEpisodes", "FunctionFamily", "Sinusoids", "uniform"]


class FunctionFamily(ABC):
    """A distribution over functions of one or more inputs and one output."""

    @abstractmethod
    def sample(self, n_functions: int, n_points: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw functions, and points of each.

        Args:
            n_functions: How many functions.
            n_points: How many points of each; the points of a function are exchangeable.
            generator: The only source of randomness.

        Returns:
            Inputs ``[function, point, feature]`` and values ``[function, point]``, both float32.
        """


class FunctionEpisodes(Source):
    """Few-shot regression: some points of a function are the support, others the query.

    Args:
        family: Where the functions come from.
        n_support: Points to learn from, per episode.
        n_query: Points to predict, per episode.
        n_episodes: Episodes per step, a function each.
        seed: Decides every step.
        noise: Standard deviation of the Gaussian noise on the values of support and query.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> source = FunctionEpisodes(Sinusoids(), n_support=10, n_query=15, n_episodes=25)
        >>> episodes = source.step(0)
        >>> len(episodes), episodes[0].support.inputs.shape, episodes[0].query.targets["y"].shape
        (25, torch.Size([10, 1]), torch.Size([15]))
    """

    def __init__(
        self,
        family: FunctionFamily,
        *,
        n_support: int,
        n_query: int,
        n_episodes: int = 1,
        seed: int = 0,
        noise: float = 0.0,
    ) -> None:
        check = SettingsCheck()
        for name, count in (("n_support", n_support), ("n_query", n_query), ("n_episodes", n_episodes)):
            check.whole(name, count, least=1)
        check.number("noise", noise, least=0)
        if check.problems:
            raise InputError("FunctionEpisodes: " + "; ".join(check.problems) + ".")
        self.family = family
        self.n_support = n_support
        self.n_query = n_query
        self.n_episodes = n_episodes
        self.seed = seed
        self.noise = noise
        self.task = Task(name="y", kind="regression")
        self.tasks = (self.task,)

    def step(self, index: int) -> EpisodeStack:
        """Return ``n_episodes`` episodes; see `Source.step`."""
        draw = generator(self.seed, "step", index)
        x, y = self.family.sample(self.n_episodes, self.n_support + self.n_query, draw)
        if self.noise:
            y = y + self.noise * torch.randn(y.shape, generator=draw)
        support, query = (
            Batch(inputs=x[:, points].contiguous(), targets={"y": y[:, points].contiguous()})
            for points in (slice(self.n_support), slice(self.n_support, None))
        )
        return EpisodeStack(tasks=self.tasks, support=support, query=query)


class Sinusoids(FunctionFamily):
    """Sine waves ``y = A sin(x - φ)`` of random amplitude A and phase φ, each uniform in its range.

    Args:
        amplitude: Range of A.
        phase: Range of φ, in radians.
        x: Range of the inputs.

    Raises:
        InputError: A range does not go upwards between finite numbers.

    Example:
        >>> x, y = Sinusoids().sample(25, 10, generator(0))
        >>> x.shape, y.shape
        (torch.Size([25, 10, 1]), torch.Size([25, 10]))

    References:
        Finn, Abbeel, Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks", ICML 2017,
        arXiv:1703.03400, section 5.1. The paper writes "phase in [0, π]"; that it is subtracted is taken from
        the authors' code.
    """

    def __init__(
        self,
        *,
        amplitude: tuple[float, float] = (0.1, 5.0),
        phase: tuple[float, float] = (0.0, math.pi),
        x: tuple[float, float] = (-5.0, 5.0),
    ) -> None:
        ranges = {"amplitude": amplitude, "phase": phase, "x": x}
        problems = [
            f"`{name}` must be (low, high) with finite low <= high, got {tuple(limits)}"
            for name, limits in ranges.items()
            if not -math.inf < limits[0] <= limits[1] < math.inf
        ]
        if problems:
            raise InputError("Sinusoids: " + "; ".join(problems) + ".")
        self.amplitude = amplitude
        self.phase = phase
        self.x = x

    def sample(self, n_functions: int, n_points: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw waves, and points of each; see `FunctionFamily.sample`."""
        amplitude = uniform(self.amplitude, (n_functions, 1), generator)  # [function, 1]
        phase = uniform(self.phase, (n_functions, 1), generator)  # [function, 1]
        x = uniform(self.x, (n_functions, n_points), generator)  # [function, point]
        return x.unsqueeze(-1), amplitude * torch.sin(x - phase)


def uniform(limits: tuple[float, float], shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw float32 numbers between two limits, of the shape given."""
    low, high = limits
    return low + (high - low) * torch.rand(shape, generator=generator)
