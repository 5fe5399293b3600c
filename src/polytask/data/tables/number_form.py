"""Numbers that are written with a unit, a decimal comma or groups of three digits."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from polytask.data.tables.cell import is_code
from polytask.data.tables.problems import examples

__all__ = ["NumberForm", "Quantity", "common_form", "form_note", "split_quantity", "units_note"]

_CURRENCIES = (
    "EUR|USD|GBP|CHF|JPY|CNY|INR|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR|KRW|TRY|ILS|SGD|HKD"
)
_JOINED = (  # units that may follow a number without a space; 12a or 5b are rather codes
    "kg|g|mg|µg|t|lb|lbs|oz|km|m|cm|mm|µm|nm|mi|ft|in|l|ml|cl|dl|h|min|s|ms|µs|kW|kWh|MW|MWh|W|V|mV|A|mA|"
    "Hz|kHz|MHz|GHz|B|kB|KB|MB|GB|TB|px|pt|bar|mbar|Pa|hPa|kPa|K|J|kJ|cal|kcal"
)
_QUANTITY = re.compile(
    rf"(?P<sign>[+\-−]?)\s?(?P<before>[$€£¥]|{_CURRENCIES})?\s?(?P<late_sign>[+\-−]?)"
    r"(?P<number>\d[\d.,'\u00a0\u202f ]*|[.,]\d+)"
    rf"(?P<after>\s?[%‰$€£¥]|\s?°\s?[CFK]?|{_JOINED}|{_CURRENCIES}|(?<=\s)[^\W\d_][^\s\d]{{0,11}}[²³]?)?"
)
_GROUPS = r" '\u00a0\u202f"
_READERS = {
    decimal: re.compile(
        rf"(?P<whole>\d{{1,3}}(?:(?P<group>[{_GROUPS}{other}])\d{{3}})(?:(?P=group)\d{{3}})*|\d*)"
        rf"(?:{re.escape(decimal)}(?P<rest>\d*))?"
    )
    for decimal, other in ((".", ","), (",", "."))
}
_N_TRIED = 200
_FEWEST, _FEWEST_AMONG_WORDS = 3, 11  # different numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A text that may be a number: its sign and digits as they are written, and its unit."""

    sign: str
    digits: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberForm:
    """How the numbers of a column are written.

    Args:
        decimal: What separates the decimals; groups of three digits may be separated by the other one, by
            spaces or by an apostrophe.
        unit: What comes before or after every number; empty for nothing.

    Example:
        >>> NumberForm(decimal=",", unit="EUR").read("1.234,50 EUR")
        1234.5
    """

    decimal: Literal[".", ","] = "."
    unit: str = ""

    def read(self, text: str) -> float | None:
        """Read a number, with the unit or without; None where it is none."""
        quantity = split_quantity(text)
        if quantity is None or quantity.unit not in ("", self.unit):
            return None
        found = _READERS[self.decimal].fullmatch(quantity.digits)
        if found is None:
            return None
        whole = re.sub(r"\D", "", found["whole"])
        if not whole and not found["rest"]:
            return None
        return float(f"{quantity.sign}{whole or 0}.{found['rest'] or 0}")


def split_quantity(text: str) -> Quantity | None:
    """Split a number from its unit; None where the text is no number with at most one unit.

    Example:
        >>> split_quantity("€ 1.234,50")
        Quantity(sign='', digits='1.234,50', unit='€')
    """
    found = _QUANTITY.fullmatch(text.strip())
    if found is None or (found["sign"] and found["late_sign"]):
        return None
    before, after = found["before"] or "", (found["after"] or "").strip()
    if before and after:
        return None
    unit = before or after
    if len(unit) > 3 and unit.endswith("s"):  # 1 room, 2 rooms
        unit = unit[:-1]
    sign = "-" if (found["sign"] or found["late_sign"]) in ("-", "−") else ""
    return Quantity(sign=sign, digits=found["number"].strip(), unit=unit)


def common_form(texts: Sequence[str]) -> NumberForm | None:
    """Find how all of different texts are written as numbers; None where they are not, or in several ways.

    Codes with leading zeros are no numbers, nor is what could be read in two ways, ``1,234`` alone, nor
    groups of digits of one length throughout, which are rather telephone numbers.

    Example:
        >>> common_form(["3,5 %", "12 %", "1.250 %"])
        NumberForm(decimal=',', unit='%')
    """
    if len(texts) < _FEWEST or sum(map(_is_quantity, texts[:_N_TRIED])) < min(len(texts), _N_TRIED):
        return None
    quantities = [split_quantity(text) for text in texts]
    if any(quantity is None or is_code(quantity.digits.split()[0]) for quantity in quantities):
        return None
    known = [quantity for quantity in quantities if quantity is not None]
    units = {quantity.unit for quantity in known}
    decimal = _decimal([quantity.digits for quantity in known], units)
    if len(units) > 1 or decimal is None:
        return None
    spaced = [quantity.digits for quantity in known if re.search(rf"\d[{_GROUPS}]\d", quantity.digits)]
    n_digits = {len(re.sub(r"\D", "", quantity.digits)) for quantity in known}
    form = NumberForm(decimal=decimal, unit=units.pop())
    if (spaced and len(n_digits) == 1) or any(form.read(text) is None for text in texts):
        return None
    return form


def form_note(form: NumberForm) -> str:
    """Tell how a column's text was read as numbers."""
    told = [f"in the unit {form.unit!r}"] * bool(form.unit)
    told += ["with a decimal comma"] * (form.decimal == ",")
    return f"its text is read as numbers {' and '.join(told)}".rstrip()


def units_note(counts: Counter[str]) -> str:
    """Tell that most values are numbers of several units; nothing where they are not.

    Args:
        counts: How often each text occurs.

    Example:
        >>> units_note(Counter(["1 kg", "500 g", "2 kg"]))
        "its numbers have several units, 'kg', 'g': write all in one to use it as numbers"
    """
    found: Counter[str] = Counter()
    for text, count in counts.items():
        quantity = split_quantity(text)
        if quantity is not None:
            found[quantity.unit] += count
    named = [unit or "none" for unit, _ in found.most_common()]
    if len(named) < 2 or not any(found) or 10 * found.total() < 9 * counts.total() or len(named) > 10:
        return ""
    return f"its numbers have several units, {examples(named)}: write all in one to use it as numbers"


def _is_quantity(text: str) -> bool:
    return split_quantity(text) is not None


def _decimal(numbers: Sequence[str], units: set[str]) -> Literal[".", ","] | None:
    """Tell what separates decimals; None where numbers differ, or none of them tells."""
    told: set[Literal[".", ","]] = set()
    unclear = False
    for digits in numbers:
        points, commas = digits.count("."), digits.count(",")
        if points and commas:
            told.add("." if digits.rindex(".") > digits.rindex(",") else ",")
        elif points > 1 or commas > 1:
            told.add("," if points else ".")
        elif points or commas:
            mark: Literal[".", ","] = "." if points else ","
            before, after = digits.split(mark)
            if len(after) == 3 and 1 <= len(before) <= 3 and before != "0":
                unclear = True
            else:
                told.add(mark)
    if not told and unclear:
        return "." if units <= {"$", "£", "USD", "GBP"} else None
    return (told or {"."}).pop() if len(told) < 2 else None
