import decimal
import gzip
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from polytask.core import DataError, InputError, MissingPackageError
from polytask.data.tables.delimited import read_delimited
from polytask.data.tables.table import fingerprint, read_table
from polytask.data.tables.typed_columns import MISSING, MISSING_WORDS


def _write(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = "\n".join(delimiter.join(row) for row in (["size", "note"], ["1.5", "a"], ["2", "b"]))
    expected = pd.DataFrame({"size": [1.5, 2.0], "note": ["a", "b"]})
    assert_frame_equal(read_table(_write(tmp_path, text)), expected, check_column_type=False)


def test_a_delimiter_inside_values_does_not_win() -> None:
    frame = read_delimited("a;b\n1,5;x,y\n2,5;z,w\n", "t")
    assert list(frame.columns) == ["a", "b"]


def test_a_single_column_needs_no_delimiter() -> None:
    assert read_delimited("size\n1\n\n2\n", "t")["size"].tolist() == [1, 2]


def test_quoted_values_may_hold_delimiters_quotes_and_line_ends() -> None:
    frame = read_delimited('name, note\nx, "a, ""b""\r\nc"\n', "t")
    assert frame["note"].tolist() == ['a, "b"\r\nc']


@pytest.mark.parametrize("spelling", MISSING)
def test_every_spelling_of_a_missing_value_becomes_nan_in_a_file(spelling: str) -> None:
    frame = read_delimited(f"number,text\n1,a\n {spelling} ,{spelling}\n", "t")
    assert frame.isna().to_numpy().tolist() == [[False, False], [True, True]]
    assert frame["number"].dtype == np.float64


@pytest.mark.parametrize("spelling", MISSING)
def test_every_spelling_of_a_missing_value_becomes_nan_in_a_data_frame(spelling: str) -> None:
    assert read_table(pd.DataFrame({"a": ["x", spelling]}))["a"].isna().tolist() == [False, True]


def test_a_categorical_column_is_taken_at_its_word() -> None:
    frame = read_table(pd.DataFrame({"a": pd.Categorical(["NA", "DE", None])}))
    assert frame["a"].isna().tolist() == [False, False, True]


def test_a_nameless_first_column_is_the_row_numbers_and_left_out(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[5, 9])
    read = read_table(_write(tmp_path, frame.to_csv()))
    assert_frame_equal(read, frame.reset_index(drop=True), check_column_type=False)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert list(read_table(_write(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n")).columns) == ["a", "b"]


def test_a_compressed_file_reads_like_a_plain_one(tmp_path: Path) -> None:
    text = "a,b\n1,x\n"
    plain = read_table(_write(tmp_path, text))
    packed = read_table(_write(tmp_path, gzip.compress(text.encode()), "t.csv.gz"))
    assert_frame_equal(plain, packed)


def test_parquet_reads_like_the_frame_it_was_written_from(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1.5, None], "b": ["x", "?"], "c": [True, False]})
    frame.to_parquet(tmp_path / "t.parquet")
    assert_frame_equal(read_table(tmp_path / "t.parquet"), read_table(frame))


_FLOATS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
_TEXTS = st.none() | st.text(alphabet='xyz ,;"\n', min_size=1, max_size=5).map(lambda text: f"x{text}x")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_FLOATS, st.integers(-(2**63), 2**63 - 1), _TEXTS), min_size=1, max_size=8))
def test_what_pandas_writes_is_read_back(rows: list[tuple[float | None, int, str | None]]) -> None:
    frame = pd.DataFrame(rows, columns=["float", "int", "text"])
    read = read_delimited(frame.to_csv(index=False), "t")
    assert read["int"].tolist() == frame["int"].tolist()
    assert read["text"].isna().tolist() == frame["text"].isna().tolist()
    assert read["text"].dropna().tolist() == frame["text"].dropna().tolist()
    expected = frame["float"].to_numpy(dtype=float)
    np.testing.assert_allclose(read["float"].to_numpy(dtype=float), expected, rtol=1e-15, atol=0)


def test_the_given_frame_is_not_changed() -> None:
    frame = pd.DataFrame({1: ["?", "a"]})
    read_table(frame)
    assert frame.columns.tolist() == [1] and frame[1].tolist() == ["?", "a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n  \n", "is empty"),
        ("a,b\n", "has a header but no rows"),
        ("a,b\n1,2\n1,2,3\n", r"line 3: the header has 2 fields, but this line has 3"),
        ("a,b\n\n1,2\n3\n", r"line 4: the header has 2 fields, but this line has 1"),
        ('a,b\n1,"x\ny"\n3\n', r"line 4: .* but this line has 1"),
        ('a,b\n1,"x\n', "line 2: .* Close every quote"),
        ("a,a,b\n1,2,3\n", "several columns are named 'a'"),
        ("a,,b\n1,2,3\n", "column 2 of the header has no name"),
        ("a,b,\n1,2,\n", "column 3 of the header has no name. .* at the end of every line"),
        ("1.5,2\n2.5,3\n", "the first line holds numbers"),
        (b"a,b\n1,2\n\xff\xfe,3\n", "line 3: byte 0xff is not UTF-8"),
        (b"a,b\n1,\x00\n", "NUL"),
    ],
)
def test_a_bad_text_file_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(_write(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no file .*absent\.csv"):
        read_table(tmp_path / "absent.csv")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)


def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\.csv, \.tsv, .*\.parquet"):
        read_table(_write(tmp_path, "a,b\n1,2\n", "t.sqlite"))


@pytest.mark.parametrize(
    "content", [b"no gzip", gzip.compress(b"a,b\n1,2\n")[:-6]], ids=["no gzip", "cut off"]
)
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match="damaged gzip"):
        read_table(_write(tmp_path, content, "t.csv.gz"))


@pytest.mark.parametrize("content", [b"", b"PAR1 nonsense PAR1", b"x" * 100])
def test_a_damaged_parquet_file_is_refused(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(DataError, match="no Parquet file that can be read"):
        read_table(_write(tmp_path, content, "t.parquet"))


def test_parquet_without_pyarrow_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match=r"polytask\[parquet\]"):
        read_table(_write(tmp_path, b"", "t.parquet"))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame(), "no columns"),
        (pd.DataFrame({"a": []}), "no rows"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "several columns are named 'a'"),
        (pd.DataFrame([[1, 2]], columns=["1", 1]), "several columns are named '1'"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "several levels"),
    ],
)
def test_a_bad_data_frame_is_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(frame)


def test_something_else_than_a_table_is_refused() -> None:
    with pytest.raises(InputError, match="not list"):
        read_table([1, 2])


class _OtherFrame:
    def to_pandas(self) -> pd.DataFrame:
        return pd.DataFrame({"a": [1, 2]})


class _BrokenFrame:
    def to_pandas(self) -> pd.DataFrame:
        raise NotImplementedError("no such type")


@pytest.mark.parametrize(
    ("source", "columns"),
    [
        (_OtherFrame(), ["a"]),
        ({"a": [1, 2], "b": ["x", "y"]}, ["a", "b"]),
        (np.zeros((2, 3)), ["0", "1", "2"]),
        (np.array([(1, 2.0), (3, 4.0)], dtype=[("a", "i4"), ("b", "f8")]), ["a", "b"]),
    ],
)
def test_tables_of_other_libraries_are_read(source: object, columns: list[str]) -> None:
    frame = read_table(source)
    assert list(frame.columns) == columns and len(frame) == 2


def test_numbers_of_a_foreign_byte_order_are_read() -> None:
    read = read_table(pd.DataFrame({"a": np.array([1.5, 2.5], dtype=">f8")}))
    assert read["a"].dtype == np.float64 and read.iloc[[1, 0]]["a"].tolist() == [2.5, 1.5]


def test_an_arrow_table_is_read() -> None:
    pa = pytest.importorskip("pyarrow")
    assert read_table(pa.table({"a": [1, 2]}))["a"].tolist() == [1, 2]


class _LazyFrame:
    def collect(self) -> pd.DataFrame:
        return pd.DataFrame({"a": [1]})


def test_a_lazy_frame_is_refused_with_what_to_call() -> None:
    with pytest.raises(InputError, match=r"not _LazyFrame\. Call its collect\(\) first"):
        read_table(_LazyFrame())


@pytest.mark.parametrize("source", [np.zeros(3), {"a": [1], "b": [1, 2]}, _BrokenFrame(), 7, None])
def test_what_is_no_table_is_refused_with_the_way_to_convert_it(source: object) -> None:
    with pytest.raises(InputError, match=r"pd\.DataFrame\("):
        read_table(source)


def test_words_that_count_as_missing_are_counted() -> None:
    frame = read_table(pd.DataFrame({"k": ["None", "x", "None", "", None], "n": [1, 2, 3, 4, 5]}))
    assert frame.attrs[MISSING_WORDS] == {"k": {"None": 2}}
    assert read_table(frame).attrs == frame.attrs


@pytest.mark.parametrize("name", ["\ud800", "a\udfffb"])
def test_a_name_that_no_file_can_hold_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=r"is not valid Unicode\. Give the column another name"):
        read_table(pd.DataFrame([[1]], columns=pd.Index([name], dtype=object)))


@pytest.mark.parametrize(
    "cell", [pytest.param(10**5000, id="giant"), decimal.Decimal("sNaN"), [1], {"a": 1}, "\ud800"]
)
def test_a_table_with_any_cell_has_a_fingerprint(cell: object) -> None:
    cells = np.array([None, "x"], dtype=object)
    cells[0] = cell
    frame = pd.DataFrame({"a": pd.Series(cells, dtype=object)})
    assert fingerprint(frame) == fingerprint(frame.copy()) != fingerprint(frame.iloc[::-1])


_TABLE = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None], "c": pd.to_datetime(["2024-01-01", None])})


@pytest.mark.parametrize(
    "other",
    [
        _TABLE.rename(columns={"a": "A"}),
        _TABLE.astype({"a": "float32"}),
        _TABLE.assign(b=["x", "None"]),
        _TABLE.assign(a=[np.nan, 1.0]),
        _TABLE[["b", "a", "c"]],
        _TABLE.head(1),
    ],
)
def test_the_fingerprint_tells_tables_apart(other: pd.DataFrame) -> None:
    assert fingerprint(other) != fingerprint(_TABLE)


def test_the_fingerprint_does_not_see_the_index() -> None:
    assert fingerprint(_TABLE.set_axis(["p", "q"])) == fingerprint(_TABLE)
