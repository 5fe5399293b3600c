"""Draws without replacement in which every item has its own, exact probability."""

import numpy as np

__all__ = ["draw", "inclusion"]


def inclusion(shares: np.ndarray, n_drawn: int) -> np.ndarray:
    """Return the probability of each item to be among those drawn, ``[item]``; they sum to ``n_drawn``.

    They are proportional to the shares, except that nothing is drawn twice: an item whose part would be above
    1 is always drawn, and the others divide what is left by their shares.

    Args:
        shares: Positive numbers, ``[item]``.
        n_drawn: How many items are drawn, at most all.

    Example:
        >>> inclusion(np.array([1.0, 1.0, 2.0]), 1), inclusion(np.array([1.0, 1.0, 8.0]), 2)
        (array([0.25, 0.25, 0.5 ]), array([0.5, 0.5, 1. ]))
    """
    sure = np.zeros(len(shares), dtype=bool)
    if n_drawn == len(shares):
        return np.ones(len(shares))
    while True:
        left = n_drawn - sure.sum()
        chances = np.where(sure, 1.0, left * shares / shares[~sure].sum())
        more = ~sure & (chances >= 1)
        if not more.any():
            return chances
        if more.sum() >= left:  # by rounding alone: the others are small, but not impossible
            return np.minimum(chances, 1.0)
        sure |= more


def draw(chances: np.ndarray, numbers: np.random.Generator) -> np.ndarray:
    """Draw items by systematic sampling in a random order.

    The chances are laid end to end on a line; the items drawn are those that hold one of the points
    :math:`u, u + 1, u + 2, \\ldots` with one uniform :math:`u`. Whatever the order, an item is then drawn
    with exactly its chance, and their number is always the same.

    Args:
        chances: As `inclusion` returns them, ``[item]``.
        numbers: Where randomness comes from.

    Returns:
        Which items are drawn, bool ``[item]``.

    References:
        William G. Madow, "On the Theory of Systematic Sampling, II", Annals of Mathematical Statistics 1949.
    """
    drawn = chances >= 1  # [item]
    open_items = np.flatnonzero(~drawn)
    n_open = round(float(chances[open_items].sum()))
    if n_open == 0:
        return drawn
    order = open_items[numbers.random(len(open_items)).argsort()]
    ends = chances[order].cumsum()  # [index in the order]
    ends[-1] = n_open  # rounding must not lose an item
    points = np.ceil(ends - numbers.random())  # how many points lie before each end
    drawn[order] = np.diff(points, prepend=0.0) > 0
    return drawn
