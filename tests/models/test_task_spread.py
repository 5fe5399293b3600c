"""How far off answers on held-out tasks were, and where intervals go beyond what these tell."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from polytask.models.task_spread import SpreadNotes, TaskSpread


def test_each_task_counts_as_much_in_the_distances():
    away = {1: (np.array([1.0] * 9 + [5.0]), np.array([0] * 9 + [1]))}
    one = TaskSpread.of(away)
    assert float(one.scale[0]) == pytest.approx(((1 + 25) / 2) ** 0.5)
    rows = torch.tensor([1])
    assert float(one.radius(rows, 0.4)) == 1.0 and float(one.radius(rows, 0.9)) == 5.0


def test_between_numbers_of_rows_distances_are_interpolated():
    some = np.array([1.0, 1.0]), np.array([0, 1])
    more = np.array([3.0, 3.0]), np.array([0, 1])
    one = TaskSpread.of({0: some, 3: more})
    assert one.radius(torch.tensor([0, 1, 3, 99]), 0.5).tolist() == pytest.approx([1, 2, 3, 3])


def spread(n_tasks: int, *counts: int) -> TaskSpread:
    return TaskSpread.of({n: (np.ones(n_tasks), np.arange(n_tasks)) for n in counts})


def said(level: float | None, found: TaskSpread, *n_rows: int) -> list[str]:
    notes = SpreadNotes(level)
    for n in n_rows:  # as pieces of a table come
        notes.add("sold", found, torch.tensor([n]))
    return notes.messages()


def test_a_level_takes_as_many_held_out_tasks_as_rows_elsewhere() -> None:
    assert said(0.9, spread(9, 0), 0) == [] and said(None, spread(2, 0), 0) == []
    (text,) = said(0.9, spread(8, 0, 5), 0, 3)
    assert text.startswith(
        "A level of 0.9 takes 9 held-out tasks with a label, but there are fewer of 'sold' (8):"
    )


def test_the_fewest_tasks_are_those_of_the_numbers_of_rows_that_are_used() -> None:
    few = TaskSpread.of(
        {0: (np.ones(30), np.arange(30)), 5: (np.ones(30), np.arange(30)), 20: (np.ones(3), np.arange(3))}
    )
    assert [few.fewest_tasks(torch.tensor([n])) for n in (0, 3, 5, 6, 99)] == [30, 30, 30, 3, 3]
    assert replace(few, n_tasks=None).fewest_tasks(torch.tensor([99])) is None  # of a model of before


def test_tasks_of_which_far_more_is_known_than_was_judged_are_told() -> None:
    assert said(0.5, spread(30, 0, 8), 0, 10, 30) == []
    (text,) = said(0.5, spread(30, 0, 8), 40, 90, 1)
    assert text.startswith(
        "'sold': 2 rows are of tasks of which far more rows are known than of any held-out task, 8"
    )


def test_what_is_written_is_read_again() -> None:
    one = spread(4, 0, 5)
    again = TaskSpread(**one.tensors())
    assert again.fewest_tasks(torch.tensor([0])) == 4
    with pytest.raises(ValueError, match="sizes that do not fit"):
        replace(one, n_tasks=torch.tensor([3]))
