"""Confidence intervals of means."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from polytask.core.errors import InputError

__all__ = ["Interval", "mean_interval"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean and the half width of its confidence interval.

    Args:
        mean: The mean.
        half_width: Half of the interval; NaN where one value alone leaves it unknown.
        n: How many values were averaged.
        confidence: The coverage, e.g. 0.95.
    """

    mean: float
    half_width: float
    n: int
    confidence: float = 0.95

    @property
    def low(self) -> float:
        """Lower end."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """Upper end."""
        return self.mean + self.half_width

    def to_json(self) -> dict[str, float | int | None]:
        """Return plain JSON, in which what is not finite is null."""
        figures = {"mean": self.mean, "half_width": self.half_width}
        known = {name: value if math.isfinite(value) else None for name, value in figures.items()}
        return {**known, "n": self.n, "confidence": self.confidence}

    def format(self, digits: int = 2, *, scale: float = 1.0) -> str:
        """Write the interval for people.

        Example:
            >>> Interval(mean=0.914, half_width=0.012, n=600).format(1, scale=100)
            '91.4 ± 1.2'
        """
        if math.isnan(self.mean):
            return "–"
        mean = f"{self.mean * scale:.{digits}f}"
        return mean if math.isnan(self.half_width) else f"{mean} ± {self.half_width * scale:.{digits}f}"


def mean_interval(
    values: Sequence[float], *, confidence: float = 0.95, test_over_train: float = 0.0
) -> Interval:
    r"""Return the mean and its interval by Student's t, for roughly normal values.

    .. math:: \bar x \pm t_{n-1} \, s \sqrt{\frac{1}{n} + \rho}

    For a paired comparison give the differences.

    Args:
        values: Independent values, or values of repeated random splits of one data set.
        confidence: The coverage.
        test_over_train: :math:`\rho`, test rows over training rows, where the values come from repeated
            random splits: these share most of their rows, and the plain interval would be too narrow. 0 for
            independent values.

    Raises:
        InputError: There is no value.

    Example:
        >>> mean_interval([1.0, 2.0, 3.0]).format()
        '2.00 ± 2.48'

    References:
        Claude Nadeau, Yoshua Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003 (the
        corrected resampled t-test).
    """
    from scipy.special import stdtrit  # here, as it takes a while to import

    n = len(values)
    if n == 0:
        raise InputError("An interval needs at least one value.")
    import numpy as np  # an interval itself needs none, and `polytask info` starts faster

    mean = float(np.mean(values))
    if n == 1:
        return Interval(mean=mean, half_width=math.nan, n=1, confidence=confidence)
    error = float(np.std(values, ddof=1)) * math.sqrt(1 / n + test_over_train)
    half_width = float(stdtrit(n - 1, (1 + confidence) / 2)) * error
    return Interval(mean=mean, half_width=half_width, n=n, confidence=confidence)
