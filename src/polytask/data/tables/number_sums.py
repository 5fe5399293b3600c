"""Count, mean and spread of numbers that come piece by piece."""

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["NumberSums"]


@dataclass(slots=True, kw_only=True)
class NumberSums:
    """What is known of the numbers so far.

    Args:
        n_known: How many there are.
        n_missing: How many were missing.
        mean: Of those known.
        squares: The sum of their squared distances from it.

    References:
        Tony F. Chan, Gene H. Golub, Randall J. LeVeque, "Algorithms for Computing the Sample Variance:
        Analysis and Recommendations", The American Statistician 37, 1983: sums of pieces are put together.

    Example:
        >>> sums = NumberSums()
        >>> for piece in ([1.0, np.nan], [2.0, 6.0]):
        ...     sums.add(np.array(piece))
        >>> sums.n_known, sums.n_missing, sums.mean, round(sums.scale, 3)
        (3, 1, 3.0, 2.16)
    """

    n_known: int = 0
    n_missing: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: np.ndarray) -> None:
        """Take more numbers, float64 ``[row]``; NaN is a missing one."""
        known = values[~np.isnan(values)]
        self.n_missing += len(values) - len(known)
        if len(known):
            mean = float(known.mean())
            self._join(len(known), mean, float(((known - mean) ** 2).sum()))

    def filled(self, value: float) -> "NumberSums":
        """Return what would be known if every missing number were this one."""
        found = NumberSums(n_known=self.n_known, mean=self.mean, squares=self.squares)
        if self.n_missing:
            found._join(self.n_missing, value, 0.0)
        return found

    @property
    def scale(self) -> float:
        """The standard deviation of those known."""
        return math.sqrt(self.squares / self.n_known) if self.n_known else 0.0

    def _join(self, count: int, mean: float, squares: float) -> None:
        total = self.n_known + count
        apart = mean - self.mean
        self.squares += squares + apart**2 * self.n_known * count / total
        self.mean += apart * count / total
        self.n_known = total
