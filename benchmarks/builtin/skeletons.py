"""Thin shapes to lines of one pixel, many at once."""

import numpy as np

__all__ = ["skeletons"]


def skeletons(shapes: np.ndarray) -> np.ndarray:
    """Thin shapes until only their middle lines are left.

    Args:
        shapes: bool ``[shape, height, width]``, with a free pixel at every border.

    Returns:
        bool ``[shape, height, width]``.

    References:
        Zhang, Suen, "A fast parallel algorithm for thinning digital patterns", Communications of the ACM
        27(3), 1984.
    """
    thin = shapes.copy()
    while True:
        n_before = thin.sum()
        for first in (True, False):
            around = _around(thin)  # from above, clockwise: [8, shape, height, width]
            n_around = around.sum(0, dtype=np.int8)
            n_changes = sum((~around[i] & around[(i + 1) % 8]).astype(np.int8) for i in range(8))
            up, right, down, left = around[::2]
            if first:
                free = ~(up & right & down) & ~(right & down & left)
            else:
                free = ~(up & right & left) & ~(up & down & left)
            thin &= ~((n_around >= 2) & (n_around <= 6) & (n_changes == 1) & free)
        if thin.sum() == n_before:
            return thin


def _around(shapes: np.ndarray) -> np.ndarray:
    steps = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]
    return np.stack([np.roll(shapes, (-down, -right), (1, 2)) for down, right in steps])
