"""Vectors: all numbers are there, finite, and as many in each."""

import numpy as np
import pandas as pd
import pytest
import torch

from polytask.core import DataError
from polytask.data.examples.vectors import vectors_of_columns, vectors_of_rows


def row(index):
    return f"row {index + 1}"


def test_columns_of_any_numbers_become_rows():
    frame = pd.DataFrame(
        {"a": ["1", " 2e1 "], "b": pd.array([3, 4], dtype="Int64"), "c": [True, False], "d": [0.5, 1]}
    )
    found = vectors_of_columns(frame, ["d", "a", "b", "c"], row, "t.csv")
    assert [one.tolist() for one in found] == [[0.5, 1, 3, 1], [1, 20, 4, 0]]
    assert found[0].dtype == np.float32


def test_all_that_is_wrong_is_named_by_column_and_row():
    frame = pd.DataFrame(
        {"a": ["1", "NA", ""], "b": ["1", "two", "3"], "c": [1, 1e300, -np.inf], "d": [None, 1, 2]},
        dtype=object,
    )
    with pytest.raises(DataError) as told:
        vectors_of_columns(frame, list("abcd"), row, "t.csv")
    lines = str(told.value).splitlines()
    assert lines[0] == "There are 4 problems:"
    assert "column 'a' is missing in row 2, row 3." in lines[1]
    assert "column 'b' is no number in row 2." in lines[2]
    assert "column 'c' is beyond what float32 holds in row 2, row 3." in lines[3]
    assert "column 'd' is missing in row 1." in lines[4]


def test_lists_arrays_and_tensors_are_vectors():
    found = vectors_of_rows([[1, 2], np.array([3.0, 4]), torch.tensor([5, 6])], row, "The list")
    assert [one.tolist() for one in found] == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([[1, 2], [3]], "row 1 has 2 numbers, but row 2 has 1"),
        ([[1, 2], [3, float("nan")]], "missing, infinite .* in row 2"),
        ([[1, 2], ["a", "b"]], "row 2 is no list of numbers"),
        ([[1, 2], [[1, 2]]], "row 2 is no list of numbers"),
        ([[]], "row 1 is no list of numbers"),
        ([[1, [2]]], "row 1 is no list of numbers"),
    ],
)
def test_what_is_no_vector_is_named(values, problem):
    with pytest.raises(DataError, match=problem):
        vectors_of_rows(values, row, "The list")
