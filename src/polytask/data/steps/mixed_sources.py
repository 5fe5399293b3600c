"""Steps drawn from several sources: a union of domains."""

from collections.abc import Sequence

import numpy as np

from polytask.core import InputError
from polytask.data.source import Source
from polytask.data.steps.mixture import Mixture, mixture_problems
from polytask.data.steps.turns import DrawnTurns

__all__ = ["MixedSources"]


class MixedSources(Mixture):
    """Every step comes from one of several sources, drawn by weight: meta-training across domains.

    Each source is asked for its own steps in order, without gaps.

    Args:
        sources: The sources.
        weights: How often each is drawn; None is equally often.
        seed: Decides which source a step comes from.

    Raises:
        InputError: There is no source, the weights do not fit, or a source is a curriculum.

    Example:
        >>> from polytask.data.episodes.functions import FunctionEpisodes, Sinusoids
        >>> def source(n: int) -> Source:
        ...     return FunctionEpisodes(Sinusoids(), n_support=n, n_query=5, n_episodes=1, seed=0)
        >>> mixed = MixedSources([source(3), source(9)], weights=[3, 1])
        >>> [len(mixed.step(index)[0].support) for index in range(8)]
        [3, 3, 3, 3, 9, 3, 3, 3]
    """

    def __init__(
        self, sources: Sequence[Source], *, weights: Sequence[float] | None = None, seed: int = 0
    ) -> None:
        by_name = {str(index): source for index, source in enumerate(sources)}
        problems = mixture_problems(by_name)
        shares = np.array([1.0] * len(sources) if weights is None else list(weights), dtype=np.float64)
        if sources and (len(shares) != len(sources) or not _usable(shares)):
            problems.append(
                f"`weights` must be {len(sources)} numbers of 0 or more, not all 0, got {shares.tolist()}"
            )
        if problems:
            raise InputError("MixedSources: " + "; ".join(problems) + ".")
        super().__init__(by_name, DrawnTurns(shares / shares.sum(), seed))
        self.sources = tuple(sources)
        self.weights = weights
        self.seed = seed


def _usable(shares: np.ndarray) -> bool:
    return bool(((shares >= 0) & (shares < np.inf)).all() and shares.any())
