"""Parts of times, month and weekday say, as features."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

__all__ = ["TimePart", "part_features", "part_names", "varying_parts"]

TimePart: TypeAlias = Literal["year", "month", "weekday", "hour"]

_PERIODS: dict[TimePart, int] = {"month": 12, "weekday": 7, "hour": 24}
_PARTS: tuple[TimePart, ...] = ("year", "month", "weekday", "hour")
_FARTHEST = 1e8  # days that a calendar is asked for: some 270,000 years


def varying_parts(days: np.ndarray) -> tuple[TimePart, ...]:
    """Tell which parts of times differ among them.

    Args:
        days: Since 1970, UTC, float64 ``[row]``, NaN where missing.

    Example:
        >>> varying_parts(np.array([0.0, 1.0, 2.5]))
        ('weekday', 'hour')
    """
    known = days[~np.isnan(days)]
    return tuple(part for part in _PARTS if len(np.unique(_part(known, part))) > 1)


def part_names(name: str, parts: Sequence[TimePart]) -> tuple[str, ...]:
    """Name the features of parts: the year has one, what comes round again a sine and a cosine.

    Example:
        >>> part_names("day", ("year", "month"))
        ('day: year', 'day: month (sine)', 'day: month (cosine)')
    """
    names: list[str] = []
    for part in parts:
        round_again = part in _PERIODS
        names += (
            [f"{name}: {part} (sine)", f"{name}: {part} (cosine)"] if round_again else [f"{name}: {part}"]
        )
    return tuple(names)


def part_features(
    days: np.ndarray, parts: Sequence[TimePart], *, mean: float, scale: float
) -> list[np.ndarray]:
    """Encode parts of times, a float64 ``[row]`` for each of `part_names`; all are 0 where missing.

    A year is where it begins, on the scale of the days themselves.

    Args:
        days: Since 1970, UTC, float64 ``[row]``, NaN where missing.
        parts: Which.
        mean: Of the days of the training rows.
        scale: Standard deviation of the same.
    """
    found = []
    for part in parts:
        values = _part(days, part)
        if part in _PERIODS:
            angle = 2 * np.pi * values / _PERIODS[part]
            found += [np.sin(angle), np.cos(angle)]
        else:
            found.append((values - mean) / scale)
    return [np.where(np.isnan(days), 0.0, values) for values in found]


def _part(days: np.ndarray, part: TimePart) -> np.ndarray:
    """Return a part: the first day of the year, months since January, days since Monday, hours of the day."""
    known = np.where(np.isnan(days), 0.0, days).clip(-_FARTHEST, _FARTHEST)
    whole = np.floor(known)
    if part == "hour":
        return 24 * (known - whole)
    if part == "weekday":
        return (whole + 3) % 7  # 1970 began on a Thursday
    dates = whole.astype(np.int64).astype("datetime64[D]")
    years = dates.astype("datetime64[Y]")
    if part == "year":
        return years.astype("datetime64[D]").astype(np.float64)
    return (dates.astype("datetime64[M]") - years.astype("datetime64[M]")).astype(np.float64)
