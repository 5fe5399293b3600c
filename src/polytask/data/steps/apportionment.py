"""How often each of several items is taken in the first n steps: a closed form, for any n."""

from collections.abc import Sequence

import numpy as np

__all__ = ["Apportionment"]

_UNIT = 2**48  # a chance of 1; whole numbers keep every sum exact


class Apportionment:
    """Gives every step the same number of items, and every item its share of the steps.

    Of two items of the chances 1/4 and 3/4, the first one is taken ``floor(n / 4 + u)`` times in the first
    ``n`` steps, with one uniform ``u`` in [0, 1): exactly ``n / 4`` times on average, and never more than one
    time off. The other one has the remaining steps. More items are divided into halves in this way, and
    the halves again. Where several items are taken in one step, those of a chance above 1/2 are counted by
    the steps that go without them, since nothing is taken twice in one step.

    Args:
        chances: The probability of each item to be taken in a step, ``[item]``; they sum to a whole number.
        numbers: Where the ``u`` come from.

    Example:
        >>> parts = Apportionment(np.array([0.25, 0.75]), np.random.default_rng(0))
        >>> [parts.taken(n) for n in (0, 4, 4 * 10**12)]
        [[0, 0], [1, 3], [1000000000000, 3000000000000]]
    """

    def __init__(self, chances: np.ndarray, numbers: np.random.Generator) -> None:
        parts = _whole(chances)
        self._frequent = [item for item, part in enumerate(parts) if 2 * part > _UNIT]
        self._others = [item for item, part in enumerate(parts) if 2 * part <= _UNIT]
        absences = [_UNIT - parts[item] for item in self._frequent]
        self._absence = sum(absences)
        self._offset = int(numbers.integers(_UNIT))
        self._of_absences = _Halves(absences, numbers)
        self._of_others = _Halves([parts[item] for item in self._others], numbers)
        self._surplus = round(sum(parts) / _UNIT) - len(self._frequent)

    def taken(self, n_steps: int) -> list[int]:
        """Count how often each item is taken in the first ``n_steps`` steps, ``[item]``."""
        n_absences = (n_steps * self._absence + self._offset) // _UNIT
        counts = [0] * (len(self._frequent) + len(self._others))
        for item, n in zip(self._frequent, self._of_absences.divided(n_absences), strict=True):
            counts[item] = n_steps - n
        n_others = n_steps * self._surplus + n_absences
        for item, n in zip(self._others, self._of_others.divided(n_others), strict=True):
            counts[item] = n
        return counts


class _Halves:
    """Divides any number of things by weights, all numbers alike; a tree of halves.

    Args:
        weights: Whole numbers of 0 or more.
        numbers: Where the offset of every half comes from.
    """

    def __init__(self, weights: Sequence[int], numbers: np.random.Generator) -> None:
        self.n = len(weights)
        self.weight = sum(weights)
        if self.n > 1:
            self.left = _Halves(weights[: self.n // 2], numbers)
            self.right = _Halves(weights[self.n // 2 :], numbers)
            self.offset = int(numbers.integers(max(self.weight, 1)))

    def divided(self, n_things: int) -> list[int]:
        """Divide so many things; where there are more, no part has fewer."""
        if self.n < 2:
            return [n_things] * self.n
        n_left = (n_things * self.left.weight + self.offset) // max(self.weight, 1)
        return self.left.divided(n_left) + self.right.divided(n_things - n_left)


def _whole(chances: np.ndarray) -> list[int]:
    """Turn chances into whole parts of the unit that sum to a multiple of it."""
    parts = [round(float(chance) * _UNIT) for chance in chances]
    excess = sum(parts) - round(float(chances.sum())) * _UNIT
    if excess:  # of rounding; an item that may be taken or not bears it
        parts[min(range(len(parts)), key=lambda item: abs(2 * parts[item] - _UNIT))] -= excess
    return parts
