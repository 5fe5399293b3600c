"""Small tables, and candidates that cost nothing, for tests of comparisons."""

from pathlib import Path

import numpy as np
import pandas as pd

from polytask.compare.catalogue import candidates_of
from polytask.compare.plan import Plan, write_plan
from polytask.compare.table_rows import TableRows
from polytask.data import read_table
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import prepare_table


def table(n_rows: int = 60, seed: int = 0) -> pd.DataFrame:
    """Return numbers, a category, gaps; and targets of three kinds."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n_rows, 3))
    frame = pd.DataFrame(x, columns=["u", "v", "w"])
    frame.loc[::7, "v"] = np.nan
    frame["colour"] = draw.choice(["blue", "green", "red"], n_rows)
    frame["size"] = x[:, 0] + 0.2 * draw.normal(size=n_rows)
    frame["rich"] = np.where(x[:, 1] + 0.2 * draw.normal(size=n_rows) > 0, "yes", "no")
    frame["rank"] = np.array(["first", "second", "third"])[np.digitize(x[:, 2], [-0.5, 0.5])]
    frame.loc[::5, "size"] = np.nan
    return frame


def rows(frame: pd.DataFrame, targets: list[str], *, folds: int = 3, repeats: int = 1, **roles: str):
    """Return the rows of a table, and folds."""
    prepared = prepare_table(
        read_table(frame), Columns.of(targets, **roles), folds=folds, repeats=repeats, seed=0
    )
    found = TableRows(
        batch=prepared.rows,
        targets=prepared.targets,
        encoder=prepared.encoder,
        groups=prepared.groups,
        times=prepared.times,
    )
    return found, prepared.repeats


def plan(
    folder: Path, candidates: object = ("constant", "linear"), *, trials: int = 1, **options: int
) -> Plan:
    """Begin a small comparison of two targets."""
    found, repeats = rows(table(), ["size", "rich"], **options)
    return write_plan(
        folder, found, repeats, candidates_of(candidates), trials=trials, seed=0, data={"fingerprint": "x"}
    )
