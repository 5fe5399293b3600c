"""Tables whose rows belong to tasks, for the tests of comparisons on them."""

import numpy as np
import pandas as pd

from polytask.compare.table_rows import TableRows
from polytask.data import read_table
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import prepare_table
from polytask.fitting.task_table_fit import pooled_columns


def shops(n_shops: int = 14, n_rows: int = 14, *, seed: int = 0) -> pd.DataFrame:
    """Return shops that differ in level; ``often`` says which is high."""
    draw = np.random.default_rng(seed)
    shop = np.repeat(np.arange(n_shops), n_rows)
    price, size = draw.normal(size=(2, len(shop)))
    level = 4 * draw.normal(size=n_shops)[shop]
    frame = pd.DataFrame({"shop": [f"shop {one}" for one in shop], "price": price, "size": size})
    frame["sold"] = level + 2 * price + 0.3 * draw.normal(size=len(shop))
    frame["often"] = np.where(level + draw.normal(size=len(shop)) > 0, "yes", "no")
    return frame


def rows_of(frame: pd.DataFrame, target: str) -> TableRows:
    """Return the rows of a table, whose shops are tasks."""
    columns = pooled_columns(Columns.of(target), "shop")
    return TableRows.of(prepare_table(read_table(frame), columns, folds=2, seed=0))
