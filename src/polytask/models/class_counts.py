"""How often each class was taken for which."""

from collections.abc import Sequence

import numpy as np

__all__ = ["counted_classes"]

_MOST_CLASSES, _SHOWN_CLASSES = 16, 12


def counted_classes(
    classes: Sequence[str], labels: np.ndarray, predicted: np.ndarray
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Count labels and predictions by class, ``[true, predicted]``; the rare ones as one.

    Args:
        classes: Their names.
        labels: The true class of each row.
        predicted: What each was taken for.

    Example:
        >>> counted_classes(["a", "b"], np.array([0, 0, 1]), np.array([0, 1, 1]))
        (('a', 'b'), ((1, 1), (0, 1)))
    """
    names, of_class = list(classes), np.arange(len(classes))
    if len(names) > _MOST_CLASSES:
        counts = np.bincount(labels, minlength=len(names))
        frequent = np.sort(np.argsort(-counts, kind="stable")[:_SHOWN_CLASSES])
        of_class = np.full(len(names), len(frequent))
        of_class[frequent] = np.arange(len(frequent))
        names = [*(names[index] for index in frequent), f"{len(names) - len(frequent)} others"]
    matrix = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(matrix, (of_class[labels], of_class[predicted]), 1)
    return tuple(names), tuple(tuple(map(int, row)) for row in matrix)
