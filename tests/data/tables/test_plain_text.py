"""What columns of text tell of their bytes."""

import pandas as pd
import pytest

from polytask.data.tables.plain_text import TextBytes, count_code_texts, may_hold_words, text_bytes


def _column(*values: str | None) -> pd.Series:
    return pd.Series([*values, "skipped"], dtype="str").iloc[:-1]


def test_bytes_of_all_values_are_counted() -> None:
    column = _column("a b", None, "c, +d", "", 'say "é"', "two\nlines")
    assert text_bytes(column, ord(",")) == TextBytes(n_small=10, n_plus=1, n_quotes=2, has_line_ends=True)


@pytest.mark.parametrize("value", [" a", "a ", "a\t", "\u00a0a", "a\u3000", "\x1fa", "a \0b"])
def test_white_space_at_the_ends_is_not_explained(value: str) -> None:
    assert text_bytes(_column("a b", value), ord(",")) is None


def test_codes_in_text_are_counted() -> None:
    assert count_code_texts(_column("01/02", "-05", "0", "+", None, "x01", "0.5", "00", "")) == 3


def test_words_may_be_left_beside_numbers_beyond_63_bits() -> None:
    assert may_hold_words(_column("18446744073709551615", "NA"))
    assert not may_hold_words(_column("short", "NA"))
