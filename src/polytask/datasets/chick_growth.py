"""Chick weights: 50 chicks on four diets, weighed every other day from birth to day 21."""

from pathlib import Path

import pandas as pd

from polytask.core import DataError
from polytask.datasets.location import data_folder, installed_folder

__all__ = ["chick_weights"]

_FILE = "chick-weights.csv"
_COLUMNS = ["weight", "time", "chick", "diet"]


def chick_weights(root: str | Path | None = None) -> pd.DataFrame:
    """Read 578 weighings of 50 chicks, a task for each chick.

    The folder ``root / "chick_weights"`` holds ``chick-weights.csv`` as the package river carries it; where
    river is installed, its own file is read and no folder is needed.

    Args:
        root: See `data_folder`; None for the file of an installed river, if there is one.

    Returns:
        Columns ``weight`` (grams) and ``time`` (days since birth), integers; ``chick`` and ``diet``, text.

    Raises:
        DataError: The file is missing, damaged or laid out in another way.

    References:
        Crowder, Hand, "Analysis of Repeated Measures", Chapman and Hall, 1990, example 5.3; also ChickWeight
        in R's package datasets. The file is that of river (Montiel et al., JMLR 22, 2021; BSD 3-Clause).
    """
    path = _installed() if root is None else None
    path = path or data_folder("chick_weights", root) / _FILE
    if not path.is_file():
        raise DataError(f"The file {path} is missing; put the file of the package river there.")
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}. Get the file again.") from error
    whole = [name for name in _COLUMNS if name in table and pd.api.types.is_integer_dtype(table[name].dtype)]
    if whole != _COLUMNS or not len(table):
        raise DataError(
            f"{path} should have the columns {', '.join(_COLUMNS)}, of whole numbers. Get the file again."
        )
    table = table[_COLUMNS]
    return table.assign(chick=table["chick"].astype(str), diet="diet " + table["diet"].astype(str))


def _installed() -> Path | None:
    """Return the file that an installed river carries, without importing it."""
    folder = installed_folder("river")
    path = None if folder is None else folder / "datasets" / _FILE
    return path if path is not None and path.is_file() else None
