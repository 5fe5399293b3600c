"""Columns of which the writing may tell more than the numbers: read as text at once, and settled afterwards.

Which ones these are the first rows tell: codes (``007``), or few different numbers with decimals, of which
one may be written otherwise than the number is (``1.10``). That is a guess that spares a second reading;
whether a column is text or numbers is decided by all of it, as `typed_columns` does.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from polytask.data.tables.cell import is_code, read_number
from polytask.data.tables.plain_text import count_code_texts
from polytask.data.tables.typed_columns import EXACT, MISSING, tells_more

__all__ = ["SettledColumn", "guess_written", "settle"]

_FEWEST_ROWS, _REPEATED_SHARE = 16, 0.05
_EXACT_DIGITS = 18  # of whole numbers that 64 bits hold


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledColumn:
    """A column that was read as text.

    Args:
        values: What it is: text or numbers.
        missing: ``[row]``, whether a value is missing.
    """

    values: Any
    missing: np.ndarray


def guess_written(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns, by index, of which the writing may tell more than the numbers.

    Example:
        >>> guess_written([["007", "1.5", "x"], ["7", "2.5", "y"]] * 20)
        [0, 1]
    """
    return [index for index, values in enumerate(zip(*rows, strict=True)) if _may_tell_more(values)]


def _may_tell_more(values: Sequence[str]) -> bool:
    known = [value for value in values if value not in MISSING]
    distinct = set(known)
    few = len(known) >= _FEWEST_ROWS and len(known) - len(distinct) >= _REPEATED_SHARE * len(known)
    # Whole numbers are floats where some are missing.
    as_floats = len(known) < len(values) or any("." in value for value in distinct)
    written = (few and as_floats) or any(is_code(value) for value in distinct if value[0] in "0+-")
    return written and all(read_number(value) is not None for value in distinct)


def settle(column: pd.Series) -> SettledColumn | None:
    """Decide what a column is that was read as text, as `typed_columns` would; None where that is not known.

    Args:
        column: Text of pyarrow, as it is written; empty values are missing.
    """
    import pyarrow

    kept = pyarrow.array(column.array)
    texts = kept.combine_chunks() if isinstance(kept, pyarrow.ChunkedArray) else kept
    if _are_codes(column, texts):
        return SettledColumn(values=_as_pandas(kept), missing=column.isna().to_numpy())
    encoded = texts.dictionary_encode()
    distinct: list[str] = encoded.dictionary.to_pylist()
    has_empty = texts.null_count > 0
    rows = np.asarray(encoded.indices.fill_null(len(distinct)))
    numbers = _numbers([*distinct, *([""] if has_empty else [])])
    known = np.array([value not in MISSING for value in distinct] + [False] * has_empty, dtype=bool)
    if numbers is None or not _is_plain_number(numbers) or (numbers.notna().to_numpy() != known).any():
        return None  # no codes, prices or the like
    missing = ~known[rows]
    if tells_more(pd.Series([value for value in distinct if value not in MISSING], dtype=str)):
        written = [value if value not in MISSING else None for value in distinct] + [None] * has_empty
        values = pyarrow.array(written, type=texts.type).take(pyarrow.array(rows))
        return SettledColumn(values=_as_pandas(values), missing=missing)
    return SettledColumn(values=numbers.to_numpy()[rows], missing=missing)


def _as_pandas(texts: Any) -> Any:
    """Turn text of pyarrow into what pandas reads text as, without making each value anew."""
    dtype: Any = pd.StringDtype(na_value=np.nan)
    return dtype.__from_arrow__(texts)


def _are_codes(column: pd.Series, texts: Any) -> bool:
    """Tell whether all values are digits, and some begin with a zero, so that they stay text."""
    _, ends, letters = texts.buffers()
    if letters is None or not len(texts):
        return False
    wide = np.int64 if str(texts.type).startswith("large") else np.int32
    places = np.frombuffer(ends, wide)[texts.offset :][: len(texts) + 1]
    values = np.frombuffer(letters, np.uint8)[places[0] : places[-1]]
    if not len(values) or values.min() < ord("0") or values.max() > ord("9"):
        return False
    return int(np.diff(places).max()) <= _EXACT_DIGITS and count_code_texts(column) > 0


def _numbers(lines: Sequence[str]) -> pd.Series | None:
    """Let pandas read some values; None where it cannot."""
    if any(letter in line for line in lines for letter in '"\r\n'):
        return None
    try:
        frame = pd.read_csv(
            io.StringIO("\n".join([*lines, ""])),
            header=None,
            names=[0],
            index_col=False,
            na_values=list(MISSING),
            keep_default_na=False,
            skip_blank_lines=False,
            low_memory=False,
        )
    except (ValueError, ArithmeticError, LookupError):
        return None
    return frame[0] if len(frame) == len(lines) else None


def _is_plain_number(numbers: pd.Series) -> bool:
    """Tell whether values are numbers, and none is one that a float would round."""
    dtype = numbers.dtype
    if pd.api.types.is_float_dtype(dtype):
        return bool(numbers.abs().max() <= EXACT)
    return pd.api.types.is_integer_dtype(dtype)
