"""A table with columns of every kind, for the tests of tables that are read in pieces."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polytask.data.tables import large_table

TARGETS = ["y", "flag", "kind:multiclass"]


def sample_table(n_rows: int = 2000, *, seed: int = 0) -> pd.DataFrame:
    """Return a table with gaps, many categories, times, and three targets that depend on it."""
    draw = np.random.default_rng(seed)
    size = draw.normal(5, 3, n_rows)
    colour = draw.choice(["red", "green", "blue", "NA"], n_rows)
    shop = draw.integers(0, 300, n_rows)
    frame = pd.DataFrame(
        {
            "size": np.where(draw.random(n_rows) < 0.1, np.nan, size),
            "count": draw.integers(0, 1000, n_rows),
            "truth": draw.random(n_rows) < 0.3,
            "colour": colour,
            "grade": pd.Categorical(draw.choice(["a", "b", "c"], n_rows)),
            "shop": [f"shop {index}" for index in shop],
            "price": [f"{value:.2f} EUR" for value in draw.gamma(3, 20, n_rows)],
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(draw.integers(0, 900, n_rows), unit="D"),
            "site": draw.integers(0, 40, n_rows),
        }
    )
    frame["y"] = size + 2 * (colour == "red") + draw.normal(0, 0.3, n_rows)
    frame.loc[draw.random(n_rows) < 0.2, "y"] = np.nan
    frame["flag"] = size + draw.normal(0, 1, n_rows) > 5
    frame["kind"] = np.where(size > 7, "large", np.where(colour == "blue", "blue", "other"))
    frame.loc[0, "size"] = 4.0  # so that a first row is no exception
    return frame


def write_parts(frame: pd.DataFrame, folder: Path, *, n_files: int = 3) -> Path:
    """Write a table as several Parquet files of small row groups."""
    folder.mkdir(exist_ok=True)
    for index, rows in enumerate(np.array_split(np.arange(len(frame)), n_files)):
        frame.iloc[rows].reset_index(drop=True).to_parquet(
            folder / f"part-{index}.parquet", row_group_size=170
        )
    return folder


def read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read tables of more than 500 rows in pieces of 300."""
    monkeypatch.setattr(large_table, "LARGE_ROWS", 500)
    monkeypatch.setattr(large_table, "ROWS_AT_ONCE", 300)
