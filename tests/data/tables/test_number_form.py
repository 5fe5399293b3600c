from collections import Counter

import pytest

from polytask.data.tables.number_form import NumberForm, common_form, form_note, split_quantity, units_note


@pytest.mark.parametrize(
    ("texts", "form", "numbers"),
    [
        (["12.50 EUR", "8 EUR", "1,250.00 EUR"], NumberForm(unit="EUR"), [12.5, 8, 1250]),
        (["€ 1.234,50", "€ 3", "€ -2,5"], NumberForm(decimal=",", unit="€"), [1234.5, 3, -2.5]),
        (["1 234", "56", "1 234 567"], NumberForm(), [1234, 56, 1234567]),
        (["1'234.5", "56", "7.25"], NumberForm(), [1234.5, 56, 7.25]),
        (["3,5 %", "12 %", "0,125 %"], NumberForm(decimal=",", unit="%"), [3.5, 12, 0.125]),
        (["1.5 kg", "2kg", "0.75 kg"], NumberForm(unit="kg"), [1.5, 2, 0.75]),
        (["$1,234", "$950", "$12,500"], NumberForm(unit="$"), [1234, 950, 12500]),
        (["-3,5", "+4,25", "−1"], NumberForm(decimal=","), [-3.5, 4.25, -1]),
        (["1 room", "2 rooms", "3 rooms"], NumberForm(unit="room"), [1, 2, 3]),
        (["20 °C", "-3,5 °C", "7 °C"], NumberForm(decimal=",", unit="°C"), [20, -3.5, 7]),
        (["1.234.567,5", "2", "3"], NumberForm(decimal=","), [1234567.5, 2, 3]),
        (["1\u202f234,5", "2,5", "3"], NumberForm(decimal=","), [1234.5, 2.5, 3]),
    ],
)
def test_numbers_of_one_form_are_read(texts: list[str], form: NumberForm, numbers: list[float]) -> None:
    assert common_form(texts) == form
    assert [form.read(text) for text in texts] == numbers


@pytest.mark.parametrize(
    "texts",
    [
        ["1 kg", "500 g", "2 kg"],  # several units
        ["1 kg", "2", "3 kg"],
        ["1,234", "2,345", "3,456"],  # thousands or decimals
        ["€ 1.234", "€ 2.345", "€ 3.456"],
        ["1,5", "2.5", "3"],
        ["171 234 567", "171 987 654", "160 111 222"],  # telephone numbers
        ["+49 171 123", "+49 160 124", "+49 151 125"],
        ["007 kg", "008 kg", "009 kg"],  # codes
        ["1.10.2", "1.11.0", "2.0.0"],  # versions
        ["12a", "13a", "14a"],  # house numbers
        ["B12", "B13", "B14"],
        ["31.12.2024", "1.1.2024", "2.2.2024"],
        ["12:30", "13:30", "14:30"],
        ["1,5", "2,5"],  # too few
        ["1,5", "2,5", "x"],
        ["12,34,56", "1,23", "5,5"],
        ["$ 5 %", "$ 6 %", "$ 7 %"],
    ],
)
def test_what_is_no_number_of_one_form_is_left_alone(texts: list[str]) -> None:
    assert common_form(texts) is None


@pytest.mark.parametrize("text", ["12.50 USD", "x", "", "1,5 EUR", "12.5.1 EUR", "EUR"])
def test_another_unit_or_writing_is_not_read(text: str) -> None:
    assert NumberForm(unit="EUR").read(text) is None


def test_a_number_without_the_unit_is_read() -> None:
    assert NumberForm(decimal=",", unit="EUR").read("1.234,5") == 1234.5


def test_the_form_is_told() -> None:
    assert form_note(NumberForm(decimal=",", unit="kg")) == (
        "its text is read as numbers in the unit 'kg' and with a decimal comma"
    )
    assert form_note(NumberForm()) == "its text is read as numbers"


def test_several_units_are_told_where_most_values_have_one() -> None:
    assert "'kg', 'g'" in units_note(Counter({"1 kg": 5, "500 g": 3}))
    assert units_note(Counter({"1 kg": 5, "red": 3, "2 g": 1})) == ""
    assert units_note(Counter({"1": 5, "2": 3})) == ""


@pytest.mark.parametrize("text", ["5 kg", "kg", "- -5", "12 Main Street", "1e5"])
def test_a_quantity_is_a_number_and_one_unit(text: str) -> None:
    assert (split_quantity(text) is not None) == (text == "5 kg")
