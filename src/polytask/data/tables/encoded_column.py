"""What an encoding makes of a column."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

__all__ = ["EncodedColumn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedColumn:
    """The features of one column, and what was odd about it.

    Args:
        features: Float32 ``[row, feature]``.
        unseen: Categories without a feature of their own, with the number of rows.
        n_clipped: Rows whose number was too far from the training rows.
        n_outside: Rows whose number is outside the range of the training rows, if one of them is far outside.
    """

    features: np.ndarray
    unseen: Mapping[str, int] = field(default_factory=dict)
    n_clipped: int = 0
    n_outside: int = 0
