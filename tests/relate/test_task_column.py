"""Rows as tasks, by the values of a column."""

import numpy as np
import pandas as pd
import pytest

from polytask.compare.table_rows import TableRows
from polytask.core import DataError, InputError
from polytask.data import read_table
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable
from polytask.relate.task_column import deal_tasks, prepare_by_task


def _frame(n_rows: int = 120) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(n_rows, 2)), columns=["u", "v"])
    frame["shop"] = np.array([10, 9, 2])[np.arange(n_rows) % 3]
    frame["sales"] = 100 + 20 * frame["u"] + frame["shop"]
    return frame


def _prepared(frame: pd.DataFrame, **settings: object) -> PreparedTable:
    options = {"folds": 3, "seed": 0} | settings
    return prepare_by_task(read_table(frame), Columns.of("sales"), "shop", **options)  # pyright: ignore[reportArgumentType]


def test_every_row_has_a_label_of_its_own_task_alone() -> None:
    found = _prepared(_frame())
    assert [task.name for task in found.tasks] == ["shop=2", "shop=9", "shop=10"]
    masks = np.stack([found.rows.masks[task.name].numpy() for task in found.tasks])
    assert (masks.sum(0) == 1).all()
    shops = _frame()["shop"].to_numpy()[found.indices]
    assert (masks == (shops == np.array([2, 9, 10])[:, None])).all()


def test_all_tasks_have_one_unit_and_the_column_is_no_feature() -> None:
    found = _prepared(_frame())
    assert len({(target.mean, target.scale) for target in found.targets}) == 1
    assert found.encoder.n_features == 2


def test_the_rows_of_each_task_are_dealt_evenly() -> None:
    found = _prepared(_frame(121))
    for fold in found.repeats[0]:
        counts = [int(found.rows.masks[task.name][fold.held_out].sum()) for task in found.tasks]
        assert max(counts) - min(counts) <= 2
    parts = np.concatenate([fold.held_out for fold in found.repeats[0]])
    assert sorted(parts.tolist()) == list(range(121))


def test_rows_with_several_labels_are_dealt_as_a_table_is() -> None:
    found = _prepared(_frame())
    rows = TableRows.of(found)
    both = rows.batch.masks["shop=2"] | rows.batch.masks["shop=9"]
    rows.batch.masks["shop=9"][:] = both
    assert [len(fold.held_out) for fold in deal_tasks(rows, 4, seed=0)] == [
        len(fold.held_out) for fold in rows.folds(4, seed=0)
    ]


def test_what_is_left_out_is_said() -> None:
    frame = _frame()
    frame["shop"] = frame["shop"].astype("Int64")
    frame.loc[:4, "shop"] = 77
    frame.loc[5:7, "shop"] = pd.NA
    found = _prepared(frame)
    assert len(found.rows) == 112 and len(found.tasks) == 3
    assert "1 value of 'shop' with fewer than 10 labelled rows is left out." in found.messages
    assert "3 rows without a value of 'shop' left out." in found.messages


@pytest.mark.parametrize(
    ("targets", "column", "roles", "error", "message"),
    [
        (["sales", "u"], "shop", {}, InputError, "there is one target; got 2"),
        ("sales", "shpo", {}, DataError, "no column 'shpo'; did you mean"),
        ("sales", "shop", {"group": "shop"}, InputError, "`task_column` and `group` are both 'shop'"),
        ("sales", "sales", {}, InputError, "`task_column` and `targets` are both 'sales'"),
        ("sales", "v", {}, DataError, "0 values with 10 labelled rows"),
    ],
)
def test_columns_that_cannot_be_tasks_are_refused(
    targets: object, column: str, roles: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        prepare_by_task(read_table(_frame()), Columns.of(targets, **roles), column, folds=3, seed=0)
