"""Rows of a table as a trained model reads them."""

import pandas as pd
from torch import Tensor

from polytask.core.warned import warn_all
from polytask.data import TableEncoder

__all__ = ["encoded_rows"]


def encoded_rows(encoder: TableEncoder, frame: pd.DataFrame, *, stacklevel: int) -> Tensor:
    """Encode new rows, and warn of what was not there in training.

    Args:
        encoder: Of the model.
        frame: The rows.
        stacklevel: Whose line warnings point at, as `warnings.warn` would take it where this is called.

    Returns:
        float32 ``[row, feature]``.

    Raises:
        DataError: The table has none of the model's columns, or one holds something else than in training.
    """
    inputs, report = encoder.transform(frame)
    warn_all(report.messages(fitting=False), stacklevel=stacklevel + 1)
    return inputs
