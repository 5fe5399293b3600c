"""Rows that a model has learned from are found again."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from polytask.models.row_marks import new_rows, row_marks


def marks(*, inputs=((1.0, 2.0),), labels=(3.0,), task=(0,)) -> list[int]:
    return row_marks(torch.tensor(inputs), torch.tensor(labels), torch.tensor(task)).tolist()


def test_each_of_task_features_and_label_tells_rows_apart():
    others = [
        marks(task=(1,)),
        marks(labels=(3.5,)),
        marks(inputs=((2.0, 1.0),)),
        marks(inputs=((1.0, 2.5),)),
        marks(inputs=((1.0, 2.0, 0.0),)),
    ]
    assert len({marks()[0], *(mark for (mark,) in others)}) == 6


def test_a_mark_hangs_on_nothing_but_the_row():
    together = marks(inputs=((1.0, 2.0), (5.0, 6.0)), labels=(3.0, 3.0), task=(0, 4))
    assert together[0] == marks()[0] == marks(inputs=((1.0, 2.0),), labels=(3,), task=(0,))[0]
    assert marks(inputs=((0.0, 2.0),)) == marks(inputs=((-0.0, 2.0),))


def test_many_rows_have_as_many_marks():
    found = row_marks(torch.zeros(200_000, 0), torch.arange(200_000.0), torch.zeros(200_000).long())
    assert len(found.unique()) == 200_000


@given(st.lists(st.integers(0, 4), max_size=30), st.lists(st.integers(0, 4), max_size=30))
def test_as_many_equal_rows_are_new_as_there_are_beyond_the_known_ones(given_rows, known):
    fresh = new_rows(torch.tensor(given_rows, dtype=torch.int64), torch.tensor(known, dtype=torch.int64))
    for mark in range(5):
        new = sum(bool(one) for one, row in zip(fresh.tolist(), given_rows, strict=True) if row == mark)
        assert new == max(0, given_rows.count(mark) - known.count(mark))
