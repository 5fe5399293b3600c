"""Rows and their tasks, piece by piece."""

import numpy as np
import pandas as pd
import pytest
import torch

from polytask.core import DataError
from polytask.data import TableEncoder
from polytask.models.task_names import TaskNames
from polytask.models.task_rows import TaskRows, named_tasks

TABLE = pd.DataFrame(
    {
        "shop": ["a", "b", "nobody", None, "somebody", "nobody"],
        "x": [1.0, 2.0, 3.0, 4.0, 5.0, 90.0],
        "kind": ["u", "v", "w", "u", "u", "w"],
    }
)


def task_rows() -> TaskRows:
    known = TABLE.head(2)
    encoder = TableEncoder.fit(
        pd.concat([known] * 4, ignore_index=True), columns=["x", "kind"], train_rows=np.arange(8)
    )
    return TaskRows(encoder, TaskNames(["b", "a"]), "shop")


def test_pieces_are_encoded_and_told_like_the_whole() -> None:
    whole, pieces = task_rows(), task_rows()
    inputs, code = whole.encoded(TABLE)
    assert code.tolist() == [1, 0, -1, -1, -1, -1]
    parts = [pieces.encoded(TABLE.iloc[rows]) for rows in (slice(0, 2), slice(2, 5), slice(5, None))]
    assert torch.equal(torch.cat([part[0] for part in parts]), inputs)
    assert torch.cat([part[1] for part in parts]).tolist() == code.tolist()
    assert pieces.messages() == whole.messages()


def test_unknown_tasks_are_counted_and_named() -> None:
    rows = task_rows()
    assert rows.messages() == []
    rows.encoded(TABLE.head(2))
    assert rows.messages() == []
    rows.encoded(TABLE.tail(4))
    first, *others = rows.messages()
    assert first.startswith("The task of 4 rows is not known ('nobody', 'somebody'): they are answered")
    assert any("'kind', 'w': 2 rows" in message for message in others)


def test_a_table_without_the_task_column_is_refused() -> None:
    with pytest.raises(DataError, match=r"no column 'shop', which tells the task.* did you mean 'shops'"):
        task_rows().encoded(TABLE.rename(columns={"shop": "shops"}))


def test_new_tasks_come_after_the_known_ones() -> None:
    names, code = named_tasks(TABLE.dropna(subset="shop"), "shop", TaskNames(["b", "a"]))
    assert names.names == ("b", "a", "nobody", "somebody")
    assert code.tolist() == [1, 0, 2, 3, 2]


def test_rows_to_learn_from_need_a_task() -> None:
    with pytest.raises(DataError, match=r"task column 'shop' is empty in 1 row\. Name the task of each row"):
        named_tasks(TABLE, "shop", TaskNames(["b", "a"]))
    with pytest.raises(DataError, match="Add it, with the task of each row"):
        named_tasks(TABLE[["x"]], "shop", TaskNames([]))
