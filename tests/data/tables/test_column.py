import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

from polytask.core import DataError
from polytask.data.tables.column import (
    column_categories,
    column_days,
    column_kind,
    column_known,
    column_numbers,
    one_column,
)
from polytask.data.tables.reading import Reading, column_reading


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
        pd.Series(["0", " 1 "]),
        pd.Series([0, 1], dtype="Int64"),
        pd.Series([0, 1], dtype="category"),
        pd.Series([0, 1], dtype=object),
    ]
    assert [column_categories(column).tolist() for column in stored] == [["0", "1"]] * len(stored)


def test_truth_values_are_spelled_alike_however_they_are_stored() -> None:
    stored = [
        pd.Series([False, True]),
        pd.Series(["False", "True"]),
        pd.Series([False, True], dtype="boolean"),
    ]
    assert [column_categories(column).tolist() for column in stored] == [["False", "True"]] * len(stored)


def test_text_stays_what_it_is_whatever_it_spells() -> None:
    texts = ["01", "1", "1.0", "1.10", "1E5", "true", "TRUE"]
    assert column_categories(pd.Series(texts)).tolist() == texts


def test_text_with_leading_zeros_is_no_number() -> None:
    assert column_kind(pd.Series(["01234", "98765"])) == "category"
    assert column_kind(pd.Series(["0", "0.5", "-0.25"])) == "number"


_AGES = [str(18 + index % 70) for index in range(200)]
_DAYS = [f"2024-{1 + index % 12:02}-{1 + index % 28:02}" for index in range(200)]


@pytest.mark.parametrize(("values", "kind"), [(_AGES, "number"), (_DAYS, "time")])
def test_few_words_among_many_numbers_or_times_are_strays(values: list[str], kind: str) -> None:
    spoilt = pd.Series(["unknown", "-", *values])
    assert column_reading(spoilt) == Reading(kind=kind, words=("-", "unknown"))  # type: ignore[arg-type]
    read = column_numbers if kind == "number" else column_days
    assert np.isnan(read(spoilt, words=("-", "unknown"))).tolist() == [True, True] + [False] * 200


@pytest.mark.parametrize(
    "values",
    [
        ["0", "1", "2", "more"] * 50,  # codes
        [*_AGES, "a", "b", "c", "d"],  # too many words
        [*_AGES, *["unknown"] * 60],  # in too many rows
        [*_AGES, "unknown", "007"],  # numbers with leading zeros are codes
    ],
)
def test_words_that_may_be_classes_are_no_strays(values: list[str]) -> None:
    assert column_reading(pd.Series(values)) == Reading(kind="category")


def _arrow(values: list[object], kind: str) -> pd.Series:
    pa = pytest.importorskip("pyarrow")
    types = {
        "list": pa.list_(pa.int64()),
        "struct": pa.struct([("q", pa.int64())]),
        "map": pa.map_(pa.string(), pa.int64()),
        "binary": pa.binary(),
        "duration": pa.duration("s"),
        "date": pa.date32(),
        "decimal": pa.decimal128(6, 2),
        "null": pa.null(),
    }
    return pd.Series(pd.array(values, dtype=pd.ArrowDtype(types[kind])), name="x")


@pytest.mark.parametrize(
    ("values", "kind"),
    [([[1], [2]], "list"), ([{"q": 1}], "struct"), ([[("a", 1)]], "map"), ([b"a"], "binary")],
)
def test_nested_arrow_columns_are_refused_by_name(values: list[object], kind: str) -> None:
    with pytest.raises(DataError, match="Column 'x'"):
        column_kind(_arrow(values, kind))


def test_arrow_columns_read_as_those_of_pandas() -> None:
    hours = _arrow([datetime.timedelta(hours=12), None], "duration")
    assert column_kind(hours) == "number"
    np.testing.assert_array_equal(column_numbers(hours), [0.5, np.nan])
    assert column_kind(_arrow([datetime.date(2024, 3, 31)], "date")) == "time"
    np.testing.assert_array_equal(column_numbers(_arrow([decimal.Decimal("1.5")], "decimal")), [1.5])
    assert column_kind(_arrow([None, None], "null")) == "number"


def test_durations_as_objects_are_numbers_of_days() -> None:
    durations = pd.Series([datetime.timedelta(hours=36), np.timedelta64(12, "h"), None], dtype=object)
    assert column_kind(durations) == "number"
    np.testing.assert_array_equal(column_numbers(durations), [1.5, 0.5, np.nan])


@pytest.mark.parametrize(
    "values",
    [
        [decimal.Decimal("sNaN"), decimal.Decimal(1)],
        [np.timedelta64(1, "D"), "a"],
        [datetime.timedelta(1), 1],
        [{"a": 1}, {"b": 2}],
        [np.zeros(2), np.ones(2)],
        [np.timedelta64(1, "Y"), np.timedelta64(2, "Y")],  # a year is no number of days
        ["\ud800", "b"],
    ],
)
@pytest.mark.parametrize("read", [column_kind, column_numbers, column_categories, column_known])
def test_what_libraries_cannot_read_is_an_error_with_the_column(values: list[object], read: object) -> None:
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    column = pd.Series(cells, dtype=object, name="odd")
    try:
        read(column)  # type: ignore[operator]
    except DataError as error:
        assert "'odd'" in str(error)


def test_sparse_columns_read_as_dense_ones() -> None:
    sparse = pd.Series(pd.arrays.SparseArray([0.0, 1.5, np.nan]))
    np.testing.assert_array_equal(column_numbers(sparse), [0.0, 1.5, np.nan])
    assert column_categories(sparse).tolist() == ["0", "1.5", None]


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
