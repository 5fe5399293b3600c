"""Whose turn every step is, where steps ask some of several sources."""

from abc import ABC, abstractmethod

import numpy as np

from polytask.core.random import numpy_generator
from polytask.data.steps.apportionment import Apportionment

__all__ = ["DrawnTurns", "EveryTurn", "TurnsInOrder", "Turns"]

_BLOCK = 256  # steps drawn at once


class Turns(ABC):
    """Whose turn every step is: a pure function of the step, which costs the same for early and late ones."""

    @abstractmethod
    def at(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the sources whose turn a step is, and the turns that each had before.

        Args:
            index: The step: 0, 1, 2, …

        Returns:
            bool ``[source]`` and whole numbers ``[source]``.
        """


class EveryTurn(Turns):
    """Every step is the turn of all sources.

    Args:
        n_sources: How many there are.
    """

    def __init__(self, n_sources: int) -> None:
        self.n_sources = n_sources

    def at(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Turns.at`."""
        return np.ones(self.n_sources, dtype=bool), np.full(self.n_sources, index)


class TurnsInOrder(Turns):
    """The sources have their turns one after the other.

    Args:
        n_sources: How many there are.
        per_step: How many have their turn in one step.
    """

    def __init__(self, n_sources: int, per_step: int) -> None:
        self.n_sources = n_sources
        self.per_step = per_step

    def at(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Turns.at`."""
        first = index * self.per_step
        drawn = np.zeros(self.n_sources, dtype=bool)
        drawn[(first + np.arange(self.per_step)) % self.n_sources] = True
        return drawn, (first - np.arange(self.n_sources) + self.n_sources - 1) // self.n_sources


class DrawnTurns(Turns):
    """Every step is the turn of a source with exactly its chance, and of the same number of sources.

    A block of steps has as many turns of each source as `Apportionment` says, in random order. So the order
    cannot be foreseen, no source is ever far from its share, and no earlier block has to be drawn to know
    how many turns there were before.

    Args:
        chances: The probability of every source to have its turn, ``[source]``; see `inclusion`.
        seed: Decides the turns.
    """

    def __init__(self, chances: np.ndarray, seed: int) -> None:
        self.seed = seed
        self._apportionment = Apportionment(chances, numpy_generator(seed, "apportionment"))
        self._last = self._block(0)

    def at(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Turns.at`."""
        number, row = divmod(index, _BLOCK)
        last = self._last  # once, as another thread may draw another block
        if last[0] != number:
            last = self._last = self._block(number)
        _, drawn, before = last
        return drawn[row], before + drawn[:row].sum(0)

    def _block(self, number: int) -> tuple[int, np.ndarray, np.ndarray]:
        """Return a block: its number, its turns ``[step, source]``, and the turns before ``[source]``."""
        before, after = (
            np.array(self._apportionment.taken(n * _BLOCK), dtype=np.int64) for n in (number, number + 1)
        )
        return number, _shuffled(after - before, numpy_generator(self.seed, "turns", number)), before


def _shuffled(counts: np.ndarray, numbers: np.random.Generator) -> np.ndarray:
    """Spread turns ``[source]`` over a block at random, as many on every step: bool ``[step, source]``."""
    drawn = np.zeros((_BLOCK, len(counts)), dtype=bool)
    n_drawn = np.zeros(_BLOCK)  # [step]
    for source in numbers.permutation(np.flatnonzero(counts)):
        # Steps with fewer sources so far come first: in the end all have as many.
        rows = np.lexsort((numbers.random(_BLOCK), n_drawn))[: counts[source]]
        drawn[rows, source] = True
        n_drawn[rows] += 1
    return drawn
