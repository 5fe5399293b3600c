import pytest

from polytask.data.tables.cell import canonical, is_code, spell, valid_unicode


def test_long_digits_keep_every_digit() -> None:
    assert spell("12345678901234567891") == canonical("12345678901234567891") == "12345678901234567891"
    assert canonical("9007199254740993") == "9007199254740993"  # beyond what a float can tell apart


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.0", "1"), ("01", "1"), ("1E5", "100000"), ("-0.50", "-0.5"), ("TRUE", "True"), ("n/a", "n/a")],
)
def test_text_and_what_it_spells_are_told_apart(text: str, number: str) -> None:
    assert spell(text) == text and canonical(text) == number


def test_codes_have_leading_zeros() -> None:
    assert [is_code(value) for value in ("007", "-01", "0", "0.7", "70", 7)] == [True, True] + [False] * 4


def test_half_a_surrogate_pair_is_no_text() -> None:
    assert valid_unicode("ä€😀") and not valid_unicode("a\ud800")
