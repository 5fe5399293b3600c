"""Census-Income: a table of 41 columns about people, with several things to predict."""

import gzip
import io
import zlib
from pathlib import Path

import pandas as pd

from polytask.core import DataError
from polytask.datasets.location import data_folder

__all__ = ["census_income"]

_COLUMNS = (
    *("age", "class of worker", "industry code", "occupation code", "education", "wage per hour"),
    *("enrolled in education last week", "marital status", "major industry", "major occupation", "race"),
    *("hispanic origin", "sex", "labour union", "reason for unemployment", "full or part time"),
    *("capital gains", "capital losses", "dividends", "tax filer status", "previous region"),
    *("previous state", "detailed household status", "household status", "instance weight"),
    *("change in msa", "change in region", "move within region", "lived here a year ago"),
    *("previous residence in sunbelt", "people in employer", "family members under 18"),
    *("country of father", "country of mother", "country of birth", "citizenship", "own business"),
    *("questionnaire for veterans", "veterans benefits", "weeks worked", "year"),
)
_CODES = ("industry code", "occupation code", "own business", "veterans benefits", "year")
_INCOME = "income"


def census_income(root: str | Path | None = None) -> pd.DataFrame:
    """Load the test half of Census-Income: 99,762 people of the years 1994 and 1995.

    The folder ``root / "census_income_kdd"``, or its subfolder ``data``, holds ``census-income.test``, with
    or without ``.gz``.

    Args:
        root: See `data_folder`.

    Returns:
        The 41 columns, numbers as numbers, codes and categories as text, missing ones (``?``) as NaN; the
        column ``"income above 50k"`` (0 or 1); and ``"never married"`` (0 or 1), which comes from
        ``"marital status"``: leave that out of the inputs where it is a task. ``"instance weight"`` says how
        many people a row stands for, and is no input either.

    Raises:
        DataError: The file is missing, damaged or laid out in another way.

    References:
        UCI Machine Learning Repository, dataset 117. The tasks income and marital status are those of
        Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts",
        KDD 2018, section 5.
    """
    folder = data_folder("census_income_kdd", root)
    paths = [part / f"census-income.test{end}" for part in (folder, folder / "data") for end in ("", ".gz")]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise DataError(f"The file {paths[0]} is missing, also with .gz; put the official file there.")
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = content.decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}. Get the official file again.") from error
    names = [*_COLUMNS, _INCOME]
    widths = {line.count(",") + 1 for line in text.splitlines() if line.strip()}
    if widths != {len(names)}:
        raise DataError(
            f"{path} has rows of {sorted(widths) or 'no'} values, but each should have {len(names)}. Get the "
            "official file again."
        )
    table = pd.read_csv(
        io.StringIO(text),
        names=names,
        header=None,
        skipinitialspace=True,
        na_values="?",
        keep_default_na=False,
    )
    for code in _CODES:
        table[code] = table[code].astype(str)
    table["income above 50k"] = table.pop(_INCOME).str.startswith("50000+").astype(int)
    table["never married"] = (table["marital status"] == "Never married").astype(int)
    return table
