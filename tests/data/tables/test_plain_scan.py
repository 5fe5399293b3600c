"""What is odd in the bytes of a file is seen wherever it stands."""

import pytest

from polytask.data.tables.header import Header
from polytask.data.tables.plain_scan import PlainScan


def _scan(*pieces: bytes, delimiter: str = ",") -> PlainScan:
    scan = PlainScan(Header(delimiter=delimiter, names=("a", "b"), n_lines=1), 0)
    for piece in pieces:
        scan.look(piece)
    return scan


@pytest.mark.parametrize("delimiter", list(",;\t|"))
@pytest.mark.parametrize(
    ("value", "is_code"),
    [("007", True), ("-01", True), ("+05", True), ("0.5", False), ("1e-05", False), ("x-01", False)],
)
def test_zeros_before_a_digit_tell_a_code_only_at_the_beginning(
    delimiter: str, value: str, is_code: bool
) -> None:
    for row in (f"{value},x\n", f"x,{value}\n", f"x,y\n{value},1\n"):
        content = row.replace(",", delimiter).encode()
        for first in range(len(content)):
            scan = _scan(content[:first], content[first:], delimiter=delimiter)
            assert (scan.has_codes, scan.is_plain) == (is_code, True), (row, first)


@pytest.mark.parametrize("value", [" x", "x ", "\x0bx", "x\x1c", '"x "', "x\u2003"])
def test_white_space_around_a_value_is_seen(value: str) -> None:
    content = f"1,{value}\n2,a b\n".encode()
    for first in range(len(content)):
        assert not _scan(content[:first], content[first:]).is_plain, first


def test_white_space_inside_values_is_plain() -> None:
    assert _scan(b'1,a b\n2,"c d"\n3,e\x0bf\n').is_plain


def test_a_value_that_the_csv_module_refuses_is_seen() -> None:
    long = b"1,2\n" * 230_000 + b"3," + b"x" * 131_073 + b"\n4,5\n" * 9
    for size in (2**20, 2**20 - 70_001):
        assert not _scan(*(long[start : start + size] for start in range(0, len(long), size))).is_plain


def test_it_does_not_matter_where_a_file_is_cut_into_pieces() -> None:
    content = b'1,"x, y, z"\n2,"u\nv,w"\n3,plain\n'
    for first in range(1, len(content)):
        scan = _scan(content[:first], content[first:])
        assert (scan.is_plain, scan.has_quotes, scan.n_delimiters) == (True, True, 3), first
