"""How time grows with the size of a problem; what the benchmarks of speed print below their curves."""

from collections.abc import Sequence

import numpy as np

__all__ = ["fitted_exponent"]


def fitted_exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the p of ``seconds ≈ c · size ** p``: the slope of the least squares line through logarithms.

    What every size costs alike, such as the start of a step, pulls it down: leave out sizes where that is
    most of the time, to learn how it goes on.

    Args:
        sizes: Positive, two different ones at least.
        seconds: One for each size, positive; the unit does not matter.

    Raises:
        ValueError: There are not two different sizes, not one time for each, or one is not positive.

    Example:
        >>> round(fitted_exponent([2, 8, 32], [0.5, 2.0, 8.0]), 6)
        1.0
    """
    if len(sizes) != len(seconds) or len(set(sizes)) < 2 or min(*sizes, *seconds) <= 0:
        raise ValueError(
            "An exponent needs two different sizes or more, a time for each, and all of them positive; got "
            f"{list(sizes)} and {list(seconds)}."
        )
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
