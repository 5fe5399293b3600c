"""Steps drawn from several sources: a union of domains."""

from collections.abc import Sequence

import numpy as np

from polytask.core import Episode, InputError, numpy_generator
from polytask.data.source import Source
from polytask.data.steps.feedback import Feedback

__all__ = ["MixedSources"]


class MixedSources(Source):
    """Every step comes from one of several sources, drawn by weight: meta-training across domains.

    Each source is asked for its own steps in order, without gaps.

    Args:
        sources: The sources.
        weights: How often each is drawn; None is equally often.
        seed: Decides which source a step comes from.

    Raises:
        InputError: There is no source, the weights do not fit, or a source learns from training itself.

    Example:
        >>> from polytask.data.episodes.functions import FunctionEpisodes, Sinusoids
        >>> def source(n: int) -> Source:
        ...     return FunctionEpisodes(Sinusoids(), n_support=n, n_query=5, n_episodes=1, seed=0)
        >>> mixed = MixedSources([source(3), source(9)], weights=[3, 1])
        >>> [len(mixed.step(index)[0].support) for index in range(8)]
        [9, 3, 3, 3, 3, 9, 3, 3]
    """

    def __init__(
        self, sources: Sequence[Source], *, weights: Sequence[float] | None = None, seed: int = 0
    ) -> None:
        weights = [1.0] * len(sources) if weights is None else list(weights)
        problems = []
        if not sources:
            problems.append("`sources` is empty; give at least one source")
        if len(weights) != len(sources) or any(w < 0 for w in weights) or not sum(weights) > 0:
            problems.append(
                f"`weights` must be {len(sources)} numbers of 0 or more, not all 0, got {weights}"
            )
        if any(isinstance(source, Feedback) for source in sources):
            problems.append("a source learns from training, and would be told nothing in here")
        if problems:
            raise InputError("MixedSources: " + "; ".join(problems) + ".")
        self.sources = tuple(sources)
        self.shares = np.array(weights) / sum(weights)
        self.seed = seed

    def step(self, index: int) -> tuple[Episode, ...]:
        """Return the episodes of one source; see `Source.step`."""
        block, place = divmod(index, _BLOCK)
        choices = self._block(block)
        chosen = int(choices[place])
        earlier = sum(int((self._block(b) == chosen).sum()) for b in range(block))
        return self.sources[chosen].step(earlier + int((choices[:place] == chosen).sum()))

    def _block(self, block: int) -> np.ndarray:
        """Return which source each step of a block comes from."""
        return numpy_generator(self.seed, "block", block).choice(len(self.shares), _BLOCK, p=self.shares)


_BLOCK = 1024
