"""Few-shot regression whose number of known points changes from step to step."""

from polytask.core import EpisodeStack, InputError, Task
from polytask.core.random import numpy_generator
from polytask.data.episodes.functions import FunctionEpisodes, FunctionFamily
from polytask.data.source import Source

__all__ = ["ContextEpisodes"]


class ContextEpisodes(Source):
    """Regression episodes whose sizes are drawn anew for every step.

    A step draws the size of its supports uniformly, then the size of its queries; all its episodes have
    them, so that they can be run at once.

    Args:
        family: Where the functions come from.
        n_support: Fewest and most points to learn from.
        n_query: Fewest points to predict; the most are what ``n_points`` leaves.
        n_points: Most points of an episode, support and query together.
        n_episodes: Episodes per step, a function each.
        seed: Decides every step.
        noise: Standard deviation of the Gaussian noise on all values.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> from polytask.data.episodes.functions import Sinusoids
        >>> source = ContextEpisodes(Sinusoids())
        >>> [len(source.step(index)[0].support) for index in range(5)]
        [41, 7, 44, 6, 32]

    References:
        Nguyen, Grover, "Transformer Neural Processes: Uncertainty-Aware Meta Learning Via Sequence Modeling",
        ICML 2022, arXiv:2207.04179; the sizes are those of the authors' code.
    """

    def __init__(
        self,
        family: FunctionFamily,
        *,
        n_support: tuple[int, int] = (3, 46),
        n_query: int = 3,
        n_points: int = 49,
        n_episodes: int = 16,
        seed: int = 0,
        noise: float = 0.0,
    ) -> None:
        problems = []
        if not 1 <= n_support[0] <= n_support[1]:
            problems.append(f"`n_support` must be (fewest, most), 1 or more each, got {tuple(n_support)}")
        if n_query < 1:
            problems.append(f"`n_query` must be at least 1, got {n_query}")
        if n_points < n_support[1] + n_query:
            problems.append(
                f"`n_points` is {n_points}, too few for {n_support[1]} to learn from and {n_query} to predict"
            )
        if problems:
            raise InputError("ContextEpisodes: " + "; ".join(problems) + ".")
        self.family = family
        self.n_support = n_support
        self.n_query = n_query
        self.n_points = n_points
        self.n_episodes = n_episodes
        self.seed = seed
        self.noise = noise
        self._sized(n_support[0], n_query)  # looks at the numbers that are left
        self.task = Task(name="y", kind="regression")
        self.tasks = (self.task,)

    def step(self, index: int) -> EpisodeStack:
        """Return ``n_episodes`` episodes of the sizes of this step; see `Source.step`."""
        draw = numpy_generator(self.seed, "sizes", index)
        low, high = self.n_support
        n_support = int(draw.integers(low, high + 1))
        n_query = int(draw.integers(self.n_query, self.n_points - n_support + 1))
        return self._sized(n_support, n_query).step(index)

    def _sized(self, n_support: int, n_query: int) -> FunctionEpisodes:
        return FunctionEpisodes(
            self.family,
            n_support=n_support,
            n_query=n_query,
            n_episodes=self.n_episodes,
            seed=self.seed,
            noise=self.noise,
        )
