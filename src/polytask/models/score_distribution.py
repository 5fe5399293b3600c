"""How far off the labels of held-out rows were: what a new row's stays below with some probability."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polytask.core import InputError

__all__ = ["ScoreDistribution", "few_units_note", "reaches"]

_MOST_SCORES = 4096  # kept of a target: quantiles are exact to a four-thousandth
_NEAR = 1e-9  # of sums of shares


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreDistribution:
    """Scores of held-out rows, of which every unit counts 1: a row, or all rows of a group together.

    Args:
        scores: Ascending, float64 ``[score]``.
        shares: How many units lie at or below each, ascending, float64 ``[score]``.

    Raises:
        InputError: They are no such numbers.
    """

    scores: np.ndarray
    shares: np.ndarray

    def __post_init__(self) -> None:
        both = (self.scores, self.shares)
        fits = all(part.ndim == 1 and part.dtype == np.float64 and len(part) for part in both)
        fits = fits and len(self.scores) == len(self.shares)
        if not fits or any(np.diff(part, prepend=low).min() <= 0 for part, low in zip(both, (-np.inf, 0.0))):
            raise InputError("scores of the calibration need ascending numbers, as many as shares.")

    @classmethod
    def of(cls, scores: np.ndarray, units: np.ndarray | None = None) -> "ScoreDistribution | None":
        """Sort scores ``[row]``; of more than some thousands quantiles are kept, rounded up.

        Args:
            scores: Of each row.
            units: A number for the group of each row; its rows share the weight of one. None for rows alone.

        Returns:
            None without any.

        Example:
            >>> found = ScoreDistribution.of(np.array([3.0, 1.0, 2.0]), np.array([0, 0, 1]))
            >>> found.shares
            array([0.5, 1.5, 2. ])
        """
        if not len(scores):
            return None
        weights = np.ones(len(scores))
        if units is not None:
            _, group, sizes = np.unique(units, return_inverse=True, return_counts=True)
            weights = 1.0 / sizes[group]
        values, place = np.unique(scores.astype(np.float64), return_inverse=True)
        shares = np.bincount(place, weights=weights).cumsum()
        shares[-1] = round(shares[-1])  # of whole units
        if len(values) > _MOST_SCORES:
            wanted = np.linspace(0, shares[-1], _MOST_SCORES + 1)[1:]
            kept = np.unique(np.searchsorted(shares, wanted).clip(max=len(values) - 1))
            values, shares = values[kept], shares[kept]
        return cls(scores=values, shares=shares)

    @property
    def n_units(self) -> float:
        """How many units there are."""
        return float(self.shares[-1])

    def reaches(self, level: float) -> bool:
        """Tell whether there are units enough for a level: one more could be the farthest of all."""
        return reaches(level, self.n_units)

    def radius(self, level: float) -> float:
        r"""Return the score that a new unit's stays at or below with some probability.

        It is the :math:`\lceil (1 - \alpha)(n + 1) \rceil`-th smallest of :math:`n`; where that is beyond the
        last, the plain quantile.

        Example:
            >>> ScoreDistribution.of(np.arange(1.0, 20.0)).radius(0.9)
            18.0
        """
        return self.at_share(level * (self.n_units + 1) if self.reaches(level) else level * self.n_units)

    def at_share(self, share: float) -> float:
        """Return the smallest score at or below which so many units lie."""
        return float(
            self.scores[min(np.searchsorted(self.shares, share * (1 - _NEAR)), len(self.scores) - 1)]
        )

    def ranks(self, scores: np.ndarray) -> np.ndarray:
        """Return the part of the units at or below each score, rounded up to a kept one."""
        places = np.searchsorted(self.scores, scores).clip(max=len(self.scores) - 1)
        return self.shares[places] / self.n_units


def reaches(level: float, n_units: float) -> bool:
    """Tell whether there are units enough for a level: one more could be the farthest of all."""
    return level * (n_units + 1) <= n_units * (1 + _NEAR)


def few_units_note(few: Sequence[str], level: float, unit: str) -> str:
    """Say that intervals hold less than asked, as there were too few units to tell.

    Args:
        few: What there are too few units of, each with their number.
        level: The share that was asked for.
        unit: What was held out, in the plural: rows, groups, tasks.
    """
    needed = int(np.ceil(level / (1 - level) * (1 - _NEAR)))
    return (
        f"A level of {level:.4g} takes {needed} held-out {unit} with a label, but there are fewer of "
        f"{', '.join(few)}: these intervals and sets hold what was seen, and more labels will lie "
        "outside than asked. Ask for a lower level, or fit on more."
    )
