"""Texts in files: UTF-8 with or without a mark; anything else is named by its byte."""

import pytest

from polytask.core import DataError
from polytask.data.examples.texts import checked_texts, decode_text, read_text


@pytest.mark.parametrize("text", ["café 日本語 🎉", "", "a\r\nb", "x" * 10**6])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_text_comes_back_as_it_is(tmp_path, text, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode(encoding))
    assert read_text(path) == text


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a\ncafé".encode("cp1252"), r"a\.txt, line 2: byte 0xe9 \(byte 6 of the file\).*it would be 'é'"),
        (b"\x81", "it would be nothing either"),
        ("hi".encode("utf-16"), "is UTF-16, not UTF-8"),
        ("hi".encode("utf-16-be").join([b"\xfe\xff", b""]), "is UTF-16"),
        ("hi".encode("utf-32"), "is UTF-32"),
        (b"a\0b", "NUL"),
    ],
)
def test_another_encoding_is_told_by_line_and_byte(content, problem):
    with pytest.raises(DataError, match=problem):
        decode_text(content, "a.txt")


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        read_text(tmp_path / "a.txt")
    with pytest.raises(DataError, match="There is no file"):
        read_text(tmp_path)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(DataError, match="more than 64 MiB"):
        read_text(path)


def test_all_problems_are_told_at_once():
    with pytest.raises(
        DataError, match=r"(?s)3 problems.*is int in row 1.*half of a character.*row 2.*in row 3"
    ):
        checked_texts([3, "\ud800", " "], lambda index: f"row {index + 1}", labelled=True, where="The table")


def test_empty_texts_can_be_predicted():
    assert checked_texts(["", None, " ", float("nan")], str, labelled=False, where="The table") == [
        "",
        "",
        " ",
        "",
    ]
