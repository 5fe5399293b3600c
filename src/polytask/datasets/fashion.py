"""Fashion products: seven things to tell from a title."""

from pathlib import Path

import pandas as pd

from polytask.core import DataError
from polytask.datasets.location import data_folder, how_to_make
from polytask.datasets.registry import DATASETS

__all__ = ["FASHION_LABELS", "fashion_titles"]

FASHION_LABELS = ("gender", "masterCategory", "subCategory", "articleType", "baseColour", "season", "usage")
"""The columns that can be predicted."""


def fashion_titles(root: str | Path | None = None) -> pd.DataFrame:
    """Load 44,446 product titles and their labels.

    The folder ``root / "fashion_styles"`` holds ``styles.csv`` with the labels and ``styles_text.csv`` with
    the column ``productDisplayName``, row by row.

    Args:
        root: See `data_folder`.

    Returns:
        Columns ``"title"`` (text, empty where there is none) and `FASHION_LABELS` (text, missing where
        empty).

    Raises:
        DataError: A file is missing, damaged or laid out in another way, or the files do not fit each other.

    References:
        Aggarwal, "Fashion Product Images", Kaggle, 2019.
    """
    folder = data_folder("fashion_styles", root)
    labels = _read(folder / "styles.csv", FASHION_LABELS)
    titles = _read(folder / "styles_text.csv", ("productDisplayName",))
    if len(labels) != len(titles):
        raise DataError(
            f"{folder}: styles.csv has {len(labels)} rows, and styles_text.csv has {len(titles)}. Get both."
        )
    found = labels.where(labels != "", None)
    found.insert(0, "title", titles["productDisplayName"])
    return found


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(f"The file {path} is missing.{how_to_make(DATASETS['fashion_titles'])}")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}. Get the official file again.") from error
    lacking = [column for column in columns if column not in table]
    if lacking:
        raise DataError(f"{path} lacks the columns {', '.join(lacking)}. Get the official file again.")
    return table[list(columns)]
