"""Things to be remembered from one look: random patterns with random names, and patterns to be completed."""

import torch
from torch import Tensor

from polytask.core import Batch, Episode, InputError, Task, generator
from polytask.core.settings import SettingsCheck
from polytask.data.source import Source

__all__ = ["AssociationEpisodes", "CompletionEpisodes"]


class AssociationEpisodes(Source):
    """Random patterns of -1 and 1, each with a random name; the same patterns, disturbed, are to be named.

    Nothing that was learned in one episode helps in the next: only a memory does.

    Args:
        n_patterns: Patterns of an episode.
        n_features: Numbers of a pattern.
        n_names: Different names; each pattern has one of them at random.
        noise: Probability that a number of a query has the other sign.
        n_presentations: How often each pattern is presented; the order is random within each round.
        n_episodes: Episodes per step.
        seed: Decides every step.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> (episode,) = AssociationEpisodes(n_patterns=3, n_features=4, n_names=2).step(0)
        >>> episode.support.inputs.shape, episode.query.targets["name"].shape
        (torch.Size([3, 4]), torch.Size([3]))
    """

    def __init__(
        self,
        *,
        n_patterns: int = 5,
        n_features: int = 40,
        n_names: int = 5,
        noise: float = 0.1,
        n_presentations: int = 1,
        n_episodes: int = 1,
        seed: int = 0,
    ) -> None:
        problems = _problems(n_patterns, n_features, n_presentations, n_episodes, n_names)
        if not 0 <= noise < 0.5:
            problems.append(f"`noise` must be from 0 to below 0.5, got {noise}")
        if problems:
            raise InputError("AssociationEpisodes: " + "; ".join(problems) + ".")
        self.n_patterns = n_patterns
        self.n_features = n_features
        self.noise = noise
        self.n_presentations = n_presentations
        self.n_episodes = n_episodes
        self.seed = seed
        self.task = Task(name="name", kind="multiclass", n_outputs=n_names)
        self.tasks = (self.task,)

    def step(self, index: int) -> tuple[Episode, ...]:
        """Return ``n_episodes`` episodes; see `Source.step`."""
        draw = generator(self.seed, "step", index)
        return tuple(self._episode(draw) for _ in range(self.n_episodes))

    def _episode(self, draw: torch.Generator) -> Episode:
        patterns = _patterns(self.n_patterns, self.n_features, draw)
        names = torch.randint(self.task.n_outputs, (self.n_patterns,), generator=draw)
        order = _presented(self.n_patterns, self.n_presentations, draw)
        flips = torch.rand(patterns.shape, generator=draw) < self.noise
        return Episode(
            tasks=self.tasks,
            support=Batch(inputs=patterns[order], targets={"name": names[order]}),
            query=Batch(inputs=torch.where(flips, -patterns, patterns), targets={"name": names}),
        )


class CompletionEpisodes(Source):
    """Random patterns of -1 and 1 to be completed after a look: of a query, a part is shown, the rest is 0.

    Args:
        n_patterns: Patterns of an episode.
        n_features: Numbers of a pattern.
        shown: Share of the numbers of a query that is shown.
        n_presentations: How often each pattern is presented; the order is random within each round.
        n_episodes: Episodes per step.
        seed: Decides every step.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> (episode,) = CompletionEpisodes(n_patterns=2, n_features=6).step(0)
        >>> int((episode.query.inputs == 0).sum()), episode.query.targets["pattern"].shape
        (6, torch.Size([2, 6]))

    References:
        Miconi, Clune, Stanley. Differentiable plasticity. ICML 2018, arXiv:1804.02464, section 4.1; there 5
        patterns of 1,000 numbers, half of them shown.
    """

    def __init__(
        self,
        *,
        n_patterns: int = 5,
        n_features: int = 50,
        shown: float = 0.5,
        n_presentations: int = 1,
        n_episodes: int = 1,
        seed: int = 0,
    ) -> None:
        problems = _problems(n_patterns, n_features, n_presentations, n_episodes)
        if not problems and (not 0 < shown < 1 or round(shown * n_features) < 1):
            problems.append(f"`shown` must leave something to see and to complete, got {shown}")
        if problems:
            raise InputError("CompletionEpisodes: " + "; ".join(problems) + ".")
        self.n_patterns = n_patterns
        self.n_features = n_features
        self.shown = shown
        self.n_presentations = n_presentations
        self.n_episodes = n_episodes
        self.seed = seed
        self.task = Task(name="pattern", kind="multilabel", n_outputs=n_features)
        self.tasks = (self.task,)

    def step(self, index: int) -> tuple[Episode, ...]:
        """Return ``n_episodes`` episodes; see `Source.step`."""
        draw = generator(self.seed, "step", index)
        return tuple(self._episode(draw) for _ in range(self.n_episodes))

    def _episode(self, draw: torch.Generator) -> Episode:
        patterns = _patterns(self.n_patterns, self.n_features, draw)
        signs = (patterns > 0).float()
        order = _presented(self.n_patterns, self.n_presentations, draw)
        ranks = torch.rand(patterns.shape, generator=draw).argsort(1)  # a random order of each row
        hidden = ranks >= round(self.shown * self.n_features)
        return Episode(
            tasks=self.tasks,
            support=Batch(inputs=patterns[order], targets={"pattern": signs[order]}),
            query=Batch(inputs=torch.where(hidden, 0.0, patterns), targets={"pattern": signs}),
        )


def _patterns(n_patterns: int, n_features: int, draw: torch.Generator) -> Tensor:
    """Draw patterns of -1 and 1, ``[pattern, feature]``."""
    return 2.0 * torch.randint(2, (n_patterns, n_features), generator=draw) - 1


def _presented(n_patterns: int, n_rounds: int, draw: torch.Generator) -> Tensor:
    """Draw the order of presentation, ``[round * pattern]``."""
    return torch.cat([torch.randperm(n_patterns, generator=draw) for _ in range(n_rounds)])


def _problems(
    n_patterns: int, n_features: int, n_presentations: int, n_episodes: int, n_names: int = 2
) -> list[str]:
    check = SettingsCheck()
    check.whole("n_patterns", n_patterns, least=1)
    check.whole("n_features", n_features, least=1)
    check.whole("n_presentations", n_presentations, least=1)
    check.whole("n_episodes", n_episodes, least=1)
    check.whole("n_names", n_names, least=2)
    return check.problems
