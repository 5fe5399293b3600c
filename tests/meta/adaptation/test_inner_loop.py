"""Which rows an inner step sees."""

import pytest
import torch

from polytask.core import Batch
from polytask.meta.adaptation.inner_loop import inner_rows

SUPPORT = Batch(inputs=torch.arange(10), targets={"y": torch.arange(10) ** 2})


def rows(size: int, step: int) -> list[int]:
    found = inner_rows(SUPPORT, size, step)
    assert torch.equal(found.targets["y"], found.inputs**2)  # pyright: ignore[reportOperatorIssue]
    return found.inputs.tolist()  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("size", [1, 3, 4, 5, 7])
def test_every_row_is_seen_once_before_any_comes_a_second_time(size: int) -> None:
    seen = [row for step in range(30) for row in rows(size, step)]
    for start in range(0, len(seen) - 9, 10):
        assert sorted(seen[start : start + 10]) == list(range(10))


def test_rows_are_shuffled_and_in_another_order_in_the_next_pass() -> None:
    passes = [rows(5, 2 * number) + rows(5, 2 * number + 1) for number in range(3)]
    assert len({tuple(order) for order in (*passes, range(10))}) == 4


def test_the_rows_of_a_step_are_always_the_same() -> None:
    assert rows(4, 7) == rows(4, 7)


@pytest.mark.parametrize("size", [None, 10, 12])
def test_as_many_rows_as_there_are_or_more_are_all_of_them(size: int | None) -> None:
    assert inner_rows(SUPPORT, size, 3) is SUPPORT
