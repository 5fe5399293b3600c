"""Delimited text as it is written."""

import csv
import io

import pytest

from polytask.core import DataError
from polytask.data.tables.written_table import read_texts


def test_every_value_is_the_text_that_it_is():
    frame = read_texts(io.StringIO("a;b\n01;NA\n1.50; \n", newline=""), "t.csv")
    assert frame.to_numpy().tolist() == [["01", "NA"], ["1.50", ""]]


def test_an_empty_text_in_quotes_is_a_row_where_there_is_one_column_and_a_blank_line_is_none():
    frame = read_texts(io.StringIO('a\nx\n\n""\n  \n"y\n""z"\n ""\n', newline=""), "t.csv")
    assert frame["a"].tolist() == ["x", "", 'y\n"z', ""]
    assert len(read_texts(io.StringIO('a,b\n1,2\n""\n', newline=""), "t.csv")) == 1


def test_row_numbers_without_a_name_are_left_out():
    assert list(read_texts(io.StringIO(",a,b\n0,x,y\n"), "t.csv").columns) == ["a", "b"]


def test_a_value_may_be_long_and_the_limit_is_given_back():
    before = csv.field_size_limit()
    assert len(read_texts(io.StringIO("a,b\n" + "x" * 200_000 + ",y\n"), "t.csv")["a"][0]) == 200_000
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a,b\n1,2\n1,2,3\n", "t.csv, line 3: the header has 2 fields, but this line has 3"),
        ("a,b\n", "has a header but no rows"),
        ("a,a\n1,2\n", "several columns are named 'a'"),
        ('a,b\n1,"2\n', "t.csv, line 2: .*Close every quote"),
        ("", "is empty"),
    ],
)
def test_damage_is_told_by_line(text, problem):
    with pytest.raises(DataError, match=problem):
        read_texts(io.StringIO(text), "t.csv")
