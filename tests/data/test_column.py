import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

from polytask.core import DataError
from polytask.data.column import (
    column_categories,
    column_days,
    column_kind,
    column_numbers,
    one_column,
    spell,
)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "number"),
        (["1", "2.5e-3", None], "number"),
        ([decimal.Decimal("1.5"), 2], "number"),
        (pd.array([1, None], dtype="Int64"), "number"),
        (pd.to_timedelta(["1D", None]), "number"),
        ([None, None], "number"),
        ([True, None], "boolean"),
        (["true", "FALSE"], "boolean"),
        (pd.array([True, None], dtype="boolean"), "boolean"),
        (["1", "x"], "category"),
        (pd.Categorical([1, 2]), "category"),
        (["2024-13-45", "2024-01-01"], "category"),
        (pd.period_range("2020", periods=2, freq="M"), "category"),
        (["2024-03-31", "2024-03-31T12:30:00Z"], "time"),
        ([datetime.date(2024, 3, 31), None], "time"),
        (pd.to_datetime(["2024-03-31", None]), "time"),
    ],
)
def test_the_kind_of_a_column_is_what_its_values_spell(values: object, kind: str) -> None:
    assert column_kind(pd.Series(values)) == kind


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1], [2]], "objects of type list"),
        ([b"a"], "objects of type bytes"),
        ([1j], "complex"),
        ([datetime.time(3)], "objects of type time"),
    ],
)
def test_a_column_of_objects_is_refused(values: list[object], message: str) -> None:
    with pytest.raises(DataError, match=f"Column 'x' holds {message}"):
        column_kind(pd.Series(values, name="x"))


def test_a_value_is_spelled_alike_however_its_column_is_stored() -> None:
    stored = [
        pd.Series([0, 1]),
        pd.Series([0.0, 1.0]),
        pd.Series(["0", "1.0"]),
        pd.Series([0, 1], dtype="Int64"),
        pd.Series([0, 1], dtype="category"),
        pd.Series([0, 1], dtype=object),
        pd.Series(["00", "1e0"]),
    ]
    assert [column_categories(column).tolist() for column in stored] == [["0", "1"]] * len(stored)


def test_truth_values_are_spelled_alike_however_they_are_stored() -> None:
    stored = [
        pd.Series([False, True]),
        pd.Series(["false", "TRUE"]),
        pd.Series([False, True], dtype="boolean"),
    ]
    assert [column_categories(column).tolist() for column in stored] == [["False", "True"]] * len(stored)


def test_long_digits_keep_every_digit() -> None:
    assert spell("12345678901234567891") == "12345678901234567891"


def test_text_among_numbers_names_column_rows_and_remedy() -> None:
    with pytest.raises(
        DataError, match=r"Column 'x' should hold numbers, but has 'n\.a\.' \(2 rows\)\. Write"
    ):
        column_numbers(pd.Series(["1", "n.a.", "n.a."], name="x"))


def test_times_become_days_since_1970_in_utc() -> None:
    zoned = pd.Series(pd.to_datetime(["1970-01-02T00:00+01:00", None], utc=True))
    np.testing.assert_array_equal(column_days(zoned), [23 / 24, np.nan])
    texts = pd.Series(["1970-01-02", "1970-01-02 06:00", "1970-01-01T00:00:00+12:00", None])
    np.testing.assert_array_equal(column_days(texts), [1.0, 1.25, -0.5, np.nan])
    np.testing.assert_array_equal(column_days(pd.Series([datetime.date(1969, 12, 31)])), [-1.0])


def test_numbers_where_times_are_expected_are_refused() -> None:
    with pytest.raises(DataError, match="Column 'x' should hold times, but has '5'"):
        column_days(pd.Series([5], name="x"))


def test_an_unknown_column_is_answered_with_the_closest() -> None:
    with pytest.raises(DataError, match="no column 'speces'; did you mean 'Species'"):
        one_column(pd.DataFrame({"Species": [1], "mass": [2]}), "speces")
