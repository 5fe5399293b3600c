"""Missing values are counted by column, whatever the pieces in which a file is read."""

import io

import pytest

from polytask.data.tables import plain_missing
from polytask.data.tables.header import Header
from polytask.data.tables.plain_missing import MissingValues, count_missing


def _count(text: str) -> MissingValues | None:
    header = Header(delimiter=";", names=("a", "b"), n_lines=1)
    return count_missing(header, 4, io.BytesIO(f"a;b\n{text}".encode()))


@pytest.mark.parametrize("size", [1, 7, 2**18])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_empty_values_and_words_are_counted_by_column(
    monkeypatch: pytest.MonkeyPatch, end: str, size: int
) -> None:
    monkeypatch.setattr(plain_missing, "_PIECE", size)
    found = _count(end.join(["x;NA", ";?", "null;NA", "1;", "-nan;nano", "null;N", "NULL;#N/A"]))
    assert found is not None
    assert list(found.totals) == [5, 5]
    assert [list(words.items()) for words in found.words] == [
        [("null", 2), ("-nan", 1), ("NULL", 1)],
        [("NA", 2), ("?", 1), ("#N/A", 1)],
    ]


@pytest.mark.parametrize("text", ["1;2\n\n3;4\n", "1;2\n3\n", "1\n2;3;4\n", "\n\n"])
def test_lines_that_are_no_whole_rows_are_not_counted(text: str) -> None:
    assert _count(text) is None
