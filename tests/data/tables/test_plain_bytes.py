"""What is counted among bytes is what a look at each value finds."""

import numpy as np
import pytest

from polytask.data.tables import plain_bytes
from polytask.data.tables.plain_bytes import PlainBytes, PlainLook, count_small

_VALUES = ["007", "-01", "+05", "0.5", "1e-05", "x-01", "1.05", "00", "0", "-0", "0:1", "9", "", "a 01"]


@pytest.mark.parametrize("delimiter", list(",;\t|"))
@pytest.mark.parametrize("size", [1, 5, 16, 2**17])
def test_codes_are_counted_wherever_they_stand(
    delimiter: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_bytes, "_BLOCK", size)
    for shift in range(len(_VALUES)):
        row = _VALUES[shift:] + _VALUES[:shift]
        found = PlainLook(delimiter=ord(delimiter))(f"\n{delimiter.join(row)}\n".encode())
        assert found.is_plain and found.n_codes == 4, shift  # 007, -01, +05 and 00


def test_codes_in_quotes_are_counted() -> None:
    found = PlainLook(delimiter=ord(","))(b'\n"007",1\n"-01","a, 01"\n"1","0"\n')
    assert found == PlainBytes(n_small=found.n_small, n_codes=2, n_quotes=10, missing=[])


@pytest.mark.parametrize(
    ("text", "is_plain"),
    [
        (b'"a","b ""c"""\n', True),
        (b'"","""\n"""\n', True),
        (b'"a"b,c\n', False),
        (b'a"b,c"\n', False),
        (b'"a,c\n', False),
        (b"a,b\r\n", True),
        (b"a,b\rc,d\n", False),
    ],
)
def test_quotes_and_returns_that_readers_take_in_two_ways_are_seen(text: bytes, is_plain: bool) -> None:
    assert PlainLook(delimiter=ord(","))(b"\n" + text).is_plain == is_plain


def test_small_bytes_are_those_up_to_the_delimiter_and_all_beyond_ascii() -> None:
    values = np.arange(256, dtype=np.uint8)
    assert count_small(values, ord(",")) == 45 + 128
    assert count_small(values, ord("\t")) == 33 + 128
    assert count_small(values, ord(";")) == 33 + 128 + 1


def test_counts_of_parts_add_up() -> None:
    look = PlainLook(delimiter=ord(","), words=b"N")
    both = sum([look(b"\n+1,\n"), look(b'\n"NA",007\n')], PlainBytes())
    assert (both.n_plus, both.n_quotes, both.n_codes, [len(part.kinds) for part in both.missing]) == (
        1,
        2,
        1,
        [1, 1],
    )
