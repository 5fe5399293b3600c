import pytest

from polytask.core import DataError
from polytask.data.tables.delimited import read_delimited
from polytask.data.tables.table import read_table
from polytask.data.tables.typed_columns import MISSING_WORDS


@pytest.mark.parametrize("first", ["sep=;\r\n", '"sep=;"\n', "SEP=;\n"])
def test_the_line_that_excel_writes_first_tells_the_delimiter(first: str) -> None:
    frame = read_delimited(f"{first}a;b\n1,5;2\n3,5;4\n", "t")
    assert list(frame.columns) == ["a", "b"] and frame["b"].tolist() == [2, 4]


def test_any_delimiter_can_be_told() -> None:
    assert read_delimited("sep=#\na#b\n1#2\n", "t").to_numpy().tolist() == [[1, 2]]


def test_lines_are_counted_from_the_first_one_though_it_tells_the_delimiter() -> None:
    with pytest.raises(DataError, match="line 4: the header has 2 fields, but this line has 1"):
        read_delimited("sep=;\na;b\n1;2\n3\n", "t")


@pytest.mark.parametrize("row", ["\ufeff5,x", '"\ufeff5",x', "\n \ufeff5,x"])
@pytest.mark.parametrize("n_rows", [2, 120_000])
def test_a_byte_order_mark_in_front_of_the_rows_is_refused(row: str, n_rows: int, tmp_path) -> None:
    path = tmp_path / "t.csv"
    rest = "".join(f"{index * 1.37:.4f},w{index}\n" for index in range(n_rows))
    path.write_text(f"a,b\n{row}\n{rest}", encoding="utf-8")
    with pytest.raises(DataError, match=r"begins with a byte order mark.*Delete it"):
        read_table(path)


@pytest.mark.parametrize(
    ("texts", "read"),
    [
        (["1.1", "1.10", "2.0"], ["1.1", "1.10", "2.0"]),
        (["1E5", "1E6", "100000"], ["1E5", "1E6", "100000"]),
        (["01", "02", "10"], ["01", "02", "10"]),
        (["0", "1", "10"], [0, 1, 10]),
        (["0.5", "1.0", "2"], [0.5, 1.0, 2.0]),
        (["-0.0", "1e-05", "1e+20"], [0.0, 1e-05, 1e20]),
        (["-1", "+1", "0"], ["-1", "+1", "0"]),
        (["9007199254740993", "-9007199254740995"], [9007199254740993, -9007199254740995]),  # no floats
    ],
)
def test_numbers_stay_text_where_their_writing_tells_more(texts: list[str], read: list[object]) -> None:
    frame = read_delimited("code,x\n" + "".join(f"{text},1\n" for text in [*texts, ""]), "t")
    assert frame["code"].iloc[:-1].tolist() == read and frame["code"].isna().iloc[-1]


def test_many_prices_are_numbers() -> None:
    frame = read_delimited("price\n" + "".join(f"{index / 100:.2f}\n" for index in range(1500)), "t")
    assert frame["price"].dtype == float


def test_leading_zeros_are_kept_among_many_codes() -> None:
    frame = read_delimited("zip\n" + "".join(f"{index:05}\n" for index in range(1500)), "t")
    assert frame["zip"].tolist() == [f"{index:05}" for index in range(1500)]


def test_words_that_count_as_missing_are_counted() -> None:
    frame = read_delimited("k,n\nNone,1\nNone,?\nx,NA\n,2\n", "t")
    assert frame.attrs[MISSING_WORDS] == {"k": {"None": 2}, "n": {"?": 1, "NA": 1}}
