"""What one cell of a table says: its text, the number or the truth value that it spells."""

import datetime
import math
import re
from decimal import Decimal
from typing import Any

import numpy as np

__all__ = [
    "DURATION",
    "NUMERIC",
    "canonical",
    "is_code",
    "looks_like_quantity",
    "may_be_time",
    "read_number",
    "read_truth",
    "spell",
    "valid_unicode",
]

NUMERIC = (int, float, np.bool_, np.integer, np.floating, Decimal)
DURATION = (datetime.timedelta, np.timedelta64)

_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?)", re.ASCII | re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_CODE = re.compile(r"[+-]?0\d+", re.ASCII)  # a postal code or a serial number, rather than a quantity
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
# 1,5 and 1 234,50 and 1.234 and 12 % and € 3.20; 31/03/2024 and 31.3.24 and 12:30
_QUANTITY = re.compile(
    r"[+-]?[$€£¥]?\s?[+-]?(\d{1,3}([ ,.'\u00a0\u202f]\d{3})+|\d+)([.,]\d*)?\s?[%‰$€£¥]?", re.ASCII
)
_OTHER_TIME = re.compile(r"\d{1,4}([/.-])\d{1,2}\1\d{1,4}([T ].*)?|\d{1,2}:\d\d(:\d\d)?", re.ASCII)
_TRUTH = {"True": True, "true": True, "TRUE": True, "False": False, "false": False, "FALSE": False}


def spell(value: Any) -> str:
    """Write a value as text; a number in the one way that does not depend on how its column was stored.

    Example:
        >>> [spell(value) for value in (1.0, 1, True, "1.10", "true", " red ")]
        ['1', '1', 'True', '1.10', 'true', 'red']
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer) and int(value).bit_length() < 128:
        return str(int(value))
    if isinstance(value, NUMERIC):
        number = _float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 1e18 else repr(number)
    if isinstance(value, datetime.datetime):
        text = value.isoformat(sep=" ")
        return text.removesuffix(" 00:00:00")
    return str(value)


def canonical(text: str) -> str:
    """Write text that spells a number or a truth value as `spell` writes that; other text stays.

    So a category is found again where a table stores it in another way.

    Example:
        >>> [canonical(text) for text in ("1.0", "01", "1e2", "true", "red")]
        ['1', '1', '100', 'True', 'red']
    """
    if text in _TRUTH:
        return str(_TRUTH[text])
    if len(text) > 18 or not _NUMBER.fullmatch(text):  # beyond 18 digits a float would lose some
        return text
    return str(int(text)) if _INTEGER.fullmatch(text) else spell(float(text))


def read_number(value: Any) -> float | None:
    """Read a number or a text that spells one; None where it is neither.

    Example:
        >>> read_number("1e3"), read_number(2), read_number("two")
        (1000.0, 2.0, None)
    """
    if isinstance(value, str):
        text = value.strip()
        return float(text) if _NUMBER.fullmatch(text) else None
    return _float(value) if isinstance(value, NUMERIC) else None


def read_truth(value: Any) -> bool | None:
    """Read a truth value or a text that spells one; None where it is neither."""
    if isinstance(value, str):
        return _TRUTH.get(value.strip())
    return bool(value) if isinstance(value, bool | np.bool_) else None


def is_code(value: Any) -> bool:
    """Tell whether a value is text of digits with a leading zero: a code rather than a quantity.

    Example:
        >>> is_code("0042"), is_code("0.5"), is_code("42")
        (True, False, False)
    """
    return isinstance(value, str) and _CODE.fullmatch(value.strip()) is not None


def looks_like_quantity(text: str) -> bool:
    """Tell whether text is a number or a time, or looks like one that is written in another way.

    Example:
        >>> [looks_like_quantity(text) for text in ("1.5", "1,5", "12 %", "31/03/2024", "B12", "red")]
        [True, True, True, True, False, False]
    """
    if read_number(text) is not None or may_be_time(text):
        return True
    return _QUANTITY.fullmatch(text) is not None or _OTHER_TIME.fullmatch(text) is not None


def may_be_time(value: Any) -> bool:
    """Tell whether a value is a time, or text in the form of one."""
    if isinstance(value, str):
        return _DATE.fullmatch(value.strip()) is not None
    return isinstance(value, datetime.date | np.datetime64)


def valid_unicode(text: str) -> bool:
    """Tell whether text can be written to a file: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an int beyond 1e308
        return math.inf if value > 0 else -math.inf
