"""Missing values are found and counted by column, whatever the blocks in which bytes are looked at."""

import numpy as np
import pytest

from polytask.data.tables import plain_missing
from polytask.data.tables.plain_missing import (
    ALL_WORDS,
    MissingValues,
    count_words,
    first_letters,
    missing_values,
)
from polytask.data.tables.typed_columns import MISSING


def _find(text: str, letters: bytes = ALL_WORDS) -> MissingValues:
    values = np.frombuffer(f"\n{text}".encode(), np.uint8)
    quotes = np.flatnonzero(values == ord('"'))
    return missing_values(
        values, ord(";"), letters, quotes if len(quotes) else None, returns="\r" in text, rows=True
    )


@pytest.mark.parametrize("size", [1, 7, 2**17])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", '"'])
def test_empty_values_and_words_are_counted_by_column(
    monkeypatch: pytest.MonkeyPatch, mark: str, end: str, size: int
) -> None:
    monkeypatch.setattr(plain_missing, "_BLOCK", size)
    rows = ["x;NA", ";?", "null;NA", "1;", "-nan;nano", "null;N", "NULL;#N/A"]
    written = [";".join(f"{mark}{value}{mark}" for value in row.split(";")) for row in rows]
    parts = [_find(end.join([*some, ""])) for some in (written[:3], written[3:])]
    columns = zip(*(row.split(";") for row in rows), strict=True)
    missing = [np.array([value in MISSING for value in column]) for column in columns]
    words = count_words(parts, missing)
    assert words is not None
    assert [list(counts.items()) for counts in words] == [
        [("null", 2), ("-nan", 1), ("NULL", 1)],
        [("NA", 2), ("?", 1), ("#N/A", 1)],
    ]


def test_what_is_inside_of_quotes_is_not_missing() -> None:
    assert len(_find('"a;;b";"x;NA;y"\n"\n;";"NA"\n').kinds) == 1


def test_only_words_with_the_given_letters_are_found() -> None:
    letters = first_letters(["NA", "x", "", "NULL"])
    assert letters == b"N"
    assert len(_find("NA;?\nNULL;\nnan;1\n", letters).kinds) == 3


def test_words_are_not_told_where_other_values_are_missing() -> None:
    assert count_words([_find("NA;1\n2;3\n")], [np.array([True, True]), np.array([False, False])]) is None


def test_a_value_too_much_does_not_hide_one_too_few() -> None:
    found = _find("1;\n2;3;\n4\n")
    there = np.array([False] * 3)
    assert count_words([found], [there, np.array([True, False, True])]) is None
    assert count_words([found], [there, np.array([True, True, False])]) == [{}, {}]
