"""Rows of tasks, and some of them as the first ones of new tasks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polytask.core import Task
from polytask.fitting.task_data import MOST, TaskData, first_rows


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.sampled_from([0, 1, 2, 5, MOST]))
def test_known_rows_are_as_many_as_asked_and_the_others_judge(tasks, n_rows):
    task = torch.unique(torch.tensor(tasks), return_inverse=True)[1]
    known, judged = first_rows(task, n_rows, seed=3)
    assert not bool((known & judged).any())
    for one in range(int(task.max()) + 1):
        count, own = int((task == one).sum()), int(known[task == one].sum())
        wanted = n_rows if n_rows != MOST else min(count * 4 // 5, count - 1)
        judges = count > wanted and (wanted > 0 or n_rows == 0)
        assert own == (wanted if judges else 0)
        assert int(judged[task == one].sum()) == (count - wanted if judges else 0)


def test_known_rows_grow_with_their_number():
    task = torch.arange(60) % 3
    fewer, more = (first_rows(task, count, seed=1)[0] for count in (2, 5))
    assert bool((more | ~fewer).all())


def data(kind: str) -> TaskData:
    n_outputs = 3 if kind == "multiclass" else 1
    labels = torch.tensor([0, 1, 1, 0])
    return TaskData(
        target=Task(name="y", kind=kind, n_outputs=n_outputs),
        inputs=torch.zeros(4, 2),
        outputs=torch.zeros(4, n_outputs, dtype=torch.float64),
        labels=labels.double() if kind == "regression" else labels,
        task=torch.tensor([0, 0, 1, 2]),
    )


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("regression", [0.5**0.5, 1, np.nan]),
        ("binary", [np.log(2), np.log(2), np.nan]),
        ("multiclass", [np.log(3), np.log(3), np.nan]),
    ],
)
def test_the_error_of_a_task_is_over_its_judged_rows(kind, wanted):
    one = data(kind)
    found = one.errors(one.outputs, torch.tensor([True, True, True, False]))
    np.testing.assert_allclose(found, wanted)


def test_some_rows_have_their_tasks_numbered_anew():
    assert data("binary").rows(torch.tensor([2, 3])).task.tolist() == [0, 1]
