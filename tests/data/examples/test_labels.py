"""Labels are what people see; what is missing or doubtful is named."""

import unicodedata

import numpy as np
import pandas as pd
import pytest
import torch

from polytask.core import DataError
from polytask.data.examples.labels import read_labels


def row(index):
    return f"row {index + 1}"


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (3, "3"),
        (3.0, "3"),
        (np.float32(3), "3"),
        (np.int8(3), "3"),
        (2.5, "2.5"),
        ("3.0", "3"),
        ("01", "01"),
        (True, "True"),
        (np.bool_(False), "False"),
        ("  red\t", "red"),
        (torch.tensor(4), "4"),
        (pd.Timestamp("2024-03-01"), "2024-03-01"),
    ],
)
def test_a_label_is_written_as_people_see_it(value, label):
    assert read_labels([value], row)[0] == (label,)


def test_two_forms_of_unicode_are_one_label():
    labels, notes = read_labels([unicodedata.normalize(form, "café") for form in ("NFC", "NFD")], row)
    assert set(labels) == {"café"} and not notes


def test_missing_labels_are_named_by_row():
    values = ["a", None, "b", float("nan"), "  ", pd.NA, pd.NaT]
    with pytest.raises(DataError, match=r"5 of 7 examples .*: row 2, row 4, row 5, row 6, row 7\. Label"):
        read_labels(values, row)


def test_many_missing_labels_are_counted():
    with pytest.raises(DataError, match=r"row 10 and 20 more"):
        read_labels([None] * 30, row)


def test_what_is_no_label_is_named_together_with_what_is_missing():
    with pytest.raises(DataError, match=r"without a label: row 1.*that of row 2 is none \(list\)"):
        read_labels([None, ["a"]], row)


def test_labels_that_differ_only_by_case_or_white_space_are_pointed_out():
    labels, notes = read_labels(["New York", "new  york", "Paris"], row)
    assert labels == ("New York", "new  york", "Paris")
    assert len(notes) == 1 and "'New York', 'new  york'" in notes[0] and "Paris" not in notes[0]


@pytest.mark.parametrize(("count", "end"), [(5, "'E', 'e'. Write"), (7, "'E', 'e'; and 2 more. Write")])
def test_only_some_labels_that_differ_by_case_are_named(count, end):
    letters = "abcdefg"[:count]
    assert end in read_labels([*letters.upper(), *letters], row)[1][0]


def test_a_class_that_is_called_like_a_missing_value_is_kept_and_pointed_out():
    labels, notes = read_labels(["none", "None", "NA"], row)
    assert labels == ("none", "None", "NA")
    assert any("'NA', 'None' is taken for the name of a class" in note for note in notes)


def test_whole_numbers_that_a_program_wrote_as_floats_are_whole_and_it_is_said():
    labels, notes = read_labels(["3.0", "10.0"], row)
    assert labels == ("3", "10") and notes == ["The labels are whole numbers: '3.0' is read as '3'."]
    assert read_labels(["3.0", "3.5"], row)[0] == ("3.0", "3.5")
    assert read_labels(["1.0", "1.0.1"], row) == (("1.0", "1.0.1"), [])


def test_labels_that_are_rather_numbers_are_pointed_out():
    assert "numbers such as 0.31; each of them counts as a class" in read_labels([0.31, 2], row)[1][0]
    assert read_labels([1, 2], row)[1] == []
