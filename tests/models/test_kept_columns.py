"""Columns of a table beside the answers for its rows."""

import pandas as pd
import pytest

from polytask.core import InputError
from polytask.core.doors import at_the_command
from polytask.data.tables.large_table import FrameTable
from polytask.models.kept_columns import beside, kept_columns

TABLE = pd.DataFrame({"id": ["007", "8"], "x": [1.0, 2.0], "y": [3.0, None]}, index=[5, 6])


@pytest.mark.parametrize(
    ("keep", "names"), [((), ()), (None, ()), ("id", ("id",)), (["x", "id"], ("x", "id"))]
)
def test_names_are_taken_as_people_write_them(keep: object, names: tuple[str, ...]) -> None:
    assert kept_columns(keep, TABLE) == kept_columns(keep, FrameTable(TABLE)) == names


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ("ids", "the table has no column 'ids'; did you mean 'id'?"),
        (["x", "x"], "'x' stands there twice"),
        ([1], "the table has no column '1'"),
    ],
)
def test_what_cannot_be_kept_is_refused(keep: object, message: str) -> None:
    with pytest.raises(InputError) as refused:
        kept_columns(keep, TABLE)
    assert message in str(refused.value)


def test_a_name_that_two_columns_have_is_refused() -> None:
    with pytest.raises(InputError, match="there are several columns 'x'"):
        kept_columns("x", pd.DataFrame([[1, 2]], columns=["x", "x"]))


def test_they_stand_in_front_row_by_row() -> None:
    answers = pd.DataFrame({"y": [0.5, 0.6]}, index=[5, 6])
    found = beside(TABLE, ["id"], answers)
    assert found.columns.tolist() == ["id", "y"] and found.loc[5].tolist() == ["007", 0.5]
    assert beside(TABLE, [], answers) is answers


def test_a_name_that_answers_have_is_refused_in_the_words_of_the_door() -> None:
    answers = pd.DataFrame({"y": [0.5, 0.6]}, index=[5, 6])
    with pytest.raises(InputError, match=r"'y' is also the name of a column of answers\. Join them by"):
        beside(TABLE, ["y"], answers)
    with at_the_command(), pytest.raises(InputError, match="Rename the column in the table"):
        beside(TABLE, ["y"], answers)


def test_names_with_a_comma_between_are_told_to_be_named_one_by_one() -> None:
    table = pd.DataFrame({"a": [1], "b": [2]})
    with pytest.raises(InputError, match=r"no column 'a, b', but there are 'a', 'b'[.] Give a list of names"):
        kept_columns("a, b", table)
    with at_the_command(), pytest.raises(InputError, match="Repeat `keep` for each of them"):
        kept_columns(["a,b"], table)
