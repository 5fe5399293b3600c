"""The Palmer penguins: a small table with several things to predict."""

import pandas as pd

from polytask.datasets.location import package_folder

__all__ = ["penguins_table"]


def penguins_table() -> pd.DataFrame:
    """Read the 344 Palmer penguins, some values missing.

    Returns:
        Columns ``species``, ``island`` and ``sex`` (text), ``bill_length_mm``, ``bill_depth_mm``,
        ``flipper_length_mm`` and ``body_mass_g`` (float), and ``year`` (integer).

    Raises:
        MissingPackageError: ``palmerpenguins``, which carries the file, is not installed.

    Example:
        >>> penguins_table().shape
        (344, 8)

    References:
        Gorman, Williams, Fraser, "Ecological sexual dimorphism and environmental variability within a
        community of Antarctic penguins (genus Pygoscelis)", PLoS ONE 9(3):e90081, 2014. Data: CC0, by way of
        the R package palmerpenguins (Horst, Hill, Gorman, 2020).
    """
    folder = package_folder("palmerpenguins", extra="builtin", purpose="the penguins table")
    return pd.read_csv(folder / "data" / "penguins.csv")
