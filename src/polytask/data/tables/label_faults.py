"""Labels from which nothing can be learned, whatever the kind of the target."""

import numpy as np

from polytask.core import DataError
from polytask.data.tables.problems import some_rows

__all__ = ["LARGEST_LABEL", "check_finite", "constant_text"]

LARGEST_LABEL = float(np.finfo(np.float32).max)


def check_finite(where: str, numbers: np.ndarray) -> None:
    """Refuse numbers that 32 bits do not hold.

    Args:
        where: Names the target.
        numbers: The labels; NaN where there is none.

    Raises:
        DataError: One is infinite or too large.
    """
    n_rows = int((np.abs(numbers) > LARGEST_LABEL).sum())
    if n_rows:
        raise DataError(
            f"{where} is infinite or beyond 3.4e38 in {some_rows(n_rows)}. Correct these values, or leave "
            "them empty."
        )


def constant_text(where: str, value: str) -> str:
    """Say that there is one label only."""
    return (
        f"{where} is always {value!r} in the training rows, so there is nothing to learn. Leave it out, or "
        "add rows with other values."
    )
