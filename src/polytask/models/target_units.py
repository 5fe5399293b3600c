"""Normal distributions of a standardized number, in units of the column."""

import numpy as np
import pandas as pd
from torch import Tensor

from polytask.core import DataError
from polytask.data.tables.column import column_hint, one_column
from polytask.data.tables.target_column import TargetColumn

__all__ = ["ends", "labels_of_density", "log_density_at"]


def ends(target: TargetColumn, centre: Tensor, reach: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return centre less and plus reach, in units of the column."""
    return target.units(centre - reach).numpy(), target.units(centre + reach).numpy()


def labels_of_density(target: TargetColumn, frame: pd.DataFrame) -> np.ndarray:
    """Return the labels of a table, float64 ``[row]`` in units of the column, NaN where there is none.

    Raises:
        DataError: There is no such column, or a label cannot be read.
    """
    name = target.task.name
    if name not in frame.columns:
        raise DataError(
            f"`log_density` is that of the labels, but the table has no column {name!r}; "
            f"{column_hint(frame, name)} Add it, or leave `log_density` out."
        )
    return target.numbers(one_column(frame, name))


def log_density_at(
    target: TargetColumn, frame: pd.DataFrame, centre: Tensor, deviations: Tensor
) -> np.ndarray:
    """Return the log density of a table's labels in units of the column, NaN where there is none.

    Args:
        target: The number.
        frame: Rows, with its column.
        centre: Standardized means, float64 ``[row]``.
        deviations: Standard deviations of these.

    Raises:
        DataError: There is no such column, or a label cannot be read.
    """
    labels, slope = target.standardized(labels_of_density(target, frame))
    away = (labels - centre.numpy()) / deviations.numpy()
    return -0.5 * away**2 - np.log(deviations.numpy()) - 0.5 * np.log(2 * np.pi) - slope
