"""Memory that a thread uses again and again: it stays in the cache, and the system need not find any."""

import threading

import numpy as np

__all__ = ["scratch"]


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.rows: dict[int, np.ndarray] = {}


_KEPT = _Scratch()


def scratch(n_rows: int, size: int) -> np.ndarray:
    """Return memory of this thread, uint8 ``[row, size]``, which holds anything, until the next call.

    Example:
        >>> scratch(2, 8).shape
        (2, 8)
    """
    wide = -(-size // 64) * 64  # rows that begin where the processor's lines of memory do
    kept = _KEPT.rows.get(n_rows)
    if kept is None or kept.shape[1] < wide:
        kept = _KEPT.rows[n_rows] = np.empty((n_rows, wide), np.uint8)
    return kept[:, :size]
