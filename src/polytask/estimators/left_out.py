"""How well features tell examples that are left out."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from polytask.meta.heads import choose_head

__all__ = ["can_leave_out", "left_out_loss"]

_MOST_TRIED = 2_000_000  # rows times classes, beyond which nothing is tried


def can_leave_out(given: Sequence[str]) -> bool:
    """Tell whether some class has two examples, and there are not too many to try."""
    n_classes = len(set(given))
    return len(given) > n_classes and len(given) * n_classes <= _MOST_TRIED


def left_out_loss(features: Tensor, given: Sequence[str]) -> float:
    """Return the mean log loss of class means on examples that are left out in turn.

    Args:
        features: ``[example, feature]``.
        given: The class of each example; some class has two.
    """
    classes, labels = np.unique(np.asarray(given, dtype=object), return_inverse=True)
    chosen = choose_head(features.numpy(), labels, len(classes), name="class-means", strength=1.0)
    return chosen.losses["class-means", 1.0]
