"""How far a figure of held-out rows can be trusted: the delete-a-block jackknife."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from polytask.core import InputError, Interval
from polytask.core.random import numpy_generator

__all__ = [
    "adjusted_p_values",
    "interval_of_blocks",
    "jackknife_interval",
    "p_value",
    "p_values_of",
    "row_blocks",
]

Key = TypeVar("Key", bound=Hashable)
_MOST_BLOCKS = 20


def row_blocks(
    n_rows: int, *, groups: np.ndarray | None = None, order: np.ndarray | None = None, seed: int = 0
) -> np.ndarray:
    """Cut rows into blocks that are left out together: whole groups, stretches of time, or random rows.

    Args:
        n_rows: How many rows there are.
        groups: A number for the group of every row; at most 20 blocks are made of whole groups.
        order: Numbers that order the rows in time; blocks are stretches of it.
        seed: Decides which groups or rows make a block.

    Returns:
        The block of every row, int64 ``[row]``.

    Example:
        >>> np.bincount(row_blocks(100)).tolist()[:3]
        [5, 5, 5]
    """
    draw = numpy_generator(seed, "blocks")
    if groups is not None:
        names, codes = np.unique(groups, return_inverse=True)
        n_blocks = min(_MOST_BLOCKS, len(names))
        return (draw.permutation(len(names)) % n_blocks)[codes]
    n_blocks = min(_MOST_BLOCKS, n_rows)
    if order is not None:
        places = np.empty(n_rows, dtype=np.int64)
        places[np.argsort(order, kind="stable")] = np.arange(n_rows)
        return places * n_blocks // max(n_rows, 1)
    return draw.permutation(n_rows) % max(n_blocks, 1)


def jackknife_interval(
    metric: Callable[[np.ndarray], float], blocks: np.ndarray, *, confidence: float = 0.95
) -> Interval | None:
    r"""Return a figure of all rows, with the interval that leaving out each block in turn gives.

    .. math::
        \hat\theta \pm t_{B-1} \sqrt{\frac{B-1}{B} \sum_b \bigl(\hat\theta_{(b)} - \bar\theta\bigr)^2}

    The blocks are of rows that may depend on each other. The interval tells how the figure would vary with
    other rows of the same kind, for the models as they were trained.

    Args:
        metric: From the rows to use, bool ``[row]``, to a number; NaN where it is not defined.
        blocks: The block of every row, see `row_blocks`.
        confidence: The coverage.

    Returns:
        None if the figure of all rows is not defined. The half width is NaN where fewer than two blocks leave
        the figure defined.

    References:
        H. R. Künsch, "The Jackknife and the Bootstrap for General Stationary Observations", The Annals of
        Statistics 17, 1989.

    Example:
        >>> values = np.array([1.0, 2.0, 3.0, 4.0])
        >>> jackknife_interval(lambda rows: values[rows].mean(), np.arange(4)).format()
        '2.50 ± 2.05'
    """
    everything = metric(np.ones(len(blocks), dtype=bool))
    names = np.unique(blocks)
    left = [metric(blocks != name) for name in names] if len(names) > 1 else []
    return interval_of_blocks(everything, left, confidence=confidence)


def interval_of_blocks(
    everything: float, left: Sequence[float], *, confidence: float = 0.95
) -> Interval | None:
    """Return the interval of `jackknife_interval` from figures that are known already.

    Args:
        everything: The figure of all rows.
        left: The figure without each block in turn.
        confidence: The coverage.
    """
    from scipy.special import stdtrit  # here, as it takes a while to import

    if math.isnan(everything):
        return None
    finite = np.array([value for value in left if math.isfinite(value)])
    n = len(finite)
    if n < 2:
        return Interval(mean=everything, half_width=math.nan, n=max(n, 1), confidence=confidence)
    away = finite - finite.mean()
    largest = float(abs(away).max())  # in units of it, or about, squares of tiny numbers are not 0
    unit = 2.0 ** max(math.frexp(largest)[1], -1000) if largest else 1.0
    error = unit * math.sqrt((n - 1) / n * float(((away / unit) ** 2).sum()))
    half_width = float(stdtrit(n - 1, (1 + confidence) / 2)) * error
    return Interval(mean=everything, half_width=half_width, n=n, confidence=confidence)


def p_value(interval: Interval) -> float:
    """Return the two-sided p-value of "it is 0" that belongs to an interval by Student's t; NaN if unknown.

    Example:
        >>> round(p_value(Interval(mean=2.0, half_width=2.0, n=20)), 3)
        0.05
    """
    from scipy.special import stdtr, stdtrit

    if math.isnan(interval.half_width):
        return math.nan
    if interval.half_width == 0:
        return 1.0  # counts that tie by chance: no variation seen, nothing known of it
    quantile = float(stdtrit(interval.n - 1, (1 + interval.confidence) / 2))
    return 2 * float(stdtr(interval.n - 1, -abs(interval.mean) / interval.half_width * quantile))


def adjusted_p_values(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjust p-values of several comparisons, so that one false verdict among all stays as rare as asked.

    Args:
        p_values: By name; NaN where unknown, which stays so.

    References:
        Sture Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
        Statistics 6, 1979.

    Example:
        >>> adjusted_p_values({"a": 0.01, "b": 0.04, "c": 0.5})
        {'a': 0.03, 'b': 0.08, 'c': 0.5}
    """
    if any(value < 0 or value > 1 for value in p_values.values()):
        raise InputError("p-values lie between 0 and 1.")
    known: Sequence[tuple[str, float]] = sorted(
        ((name, value) for name, value in p_values.items() if not math.isnan(value)), key=lambda item: item[1]
    )
    adjusted = dict(p_values)
    highest = 0.0
    for index, (name, value) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - index) * value))
        adjusted[name] = highest
    return adjusted


def p_values_of(gains: Mapping[Key, Interval | None]) -> dict[Key, float | None]:
    """Return of each gain the p-value of "it is 0", adjusted for all of them; None where it is unknown.

    Args:
        gains: By question; None where one is not known.

    Example:
        >>> clear = Interval(mean=9.0, half_width=1.0, n=20)
        >>> found = p_values_of({"a": clear, "b": None})
        >>> found["b"] is None and found["a"] < 0.001
        True
    """
    raw = {
        str(index): math.nan if gain is None else p_value(gain) for index, gain in enumerate(gains.values())
    }
    adjusted = adjusted_p_values(raw).values()
    return {key: None if math.isnan(p) else p for key, p in zip(gains, adjusted, strict=True)}
