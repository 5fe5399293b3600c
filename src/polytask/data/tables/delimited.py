"""Delimited text to a data frame, strictly: a file that can be read in two ways is refused."""

import csv
import io
import itertools
import re
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, cast

import pandas as pd

from polytask.core import DataError
from polytask.data.tables.cell import canonical, is_code, read_number
from polytask.data.tables.problems import examples

__all__ = ["MISSING", "MISSING_WORDS", "read_delimited", "read_lines"]

MISSING = ("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "NULL", "null", "None")
"""The spellings of a missing value."""

MISSING_WORDS = "words read as missing"
"""Where a frame's ``attrs`` tell which words of a text column count as missing: column, word, rows."""

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE | re.DOTALL)
_IN_MEMORY = 32 * 2**20  # bytes of a table's text, beyond which it waits on disk
_MOST_CLASSES = 1000
_EXACT = 2**53  # up to which a float holds every whole number


def read_delimited(text: str, where: str) -> pd.DataFrame:
    """Read text with a header line; the delimiter is the one of comma, semicolon, tab and bar that fits best.

    White space around a value does not count, nor do blank lines. A first column without a name is taken
    for the row numbers that pandas and R write, and left out; so is a first line ``sep=;``, which Excel
    writes and which tells the delimiter. A column of numbers stays text where its writing tells more than the
    number: leading zeros (``01``), or few values of which one would be written otherwise (``1.10``, ``1E5``).

    Args:
        text: The content of a file.
        where: Names the file in messages.

    Raises:
        DataError: There is no row, a row has another number of fields than the header, a quote is not closed,
            a column has no name, or two have the same.

    Example:
        >>> read_delimited("size; colour\\n 1.5; red\\n\\n ?; blue\\n", "colours.csv")
           size colour
        0   1.5    red
        1   NaN   blue
    """
    return read_lines(io.StringIO(text, newline=""), where)


def read_lines(file: TextIO, where: str) -> pd.DataFrame:
    """Read an open text file as `read_delimited` does; line ends must not have been translated."""
    head = list(itertools.islice(file, 100))
    marked = _SEPARATOR_LINE.fullmatch(head[0]) if head else None
    delimiter = marked.group(1) if marked else _delimiter(head)
    if delimiter in '\r\n" ':
        raise DataError(f"{where}, line 1: sep= names no delimiter. Delete the line, or name one.")
    n_skipped = 1 if marked else 0
    rows = _rows(itertools.chain(head[n_skipped:], file), delimiter, where, n_skipped)
    _, names = next(rows, (0, None))
    if names is None:
        raise DataError(f"{where} is empty; it needs a line of column names, and rows.")
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="") as spooled:
        canonical_text = cast(TextIO, spooled)
        # Quotes a carriage return inside a value as well, since the terminator contains one.
        writer = csv.writer(canonical_text, lineterminator="\r\n")
        n_rows = 0
        for line, row in rows:
            if len(row) != len(names):
                raise DataError(
                    f"{where}, line {line}: the header has {len(names)} fields, but this line has "
                    f"{len(row)}. Complete or shorten it; quote a value that contains a "
                    f"{_DELIMITERS.get(delimiter, repr(delimiter))}."
                )
            _write(writer, row, f"{where}, line {line}")
            n_rows += 1
        if not n_rows:
            raise DataError(f"{where} has a header but no rows; add some.")
        numbered = len(names) > 1 and not names[0]
        _check_names(names[1:] if numbered else names, where)
        return _typed(canonical_text, names, where, first=int(numbered))


def _write(writer: Any, row: list[str], where: str) -> None:
    try:
        writer.writerow(row)
    except (UnicodeError, csv.Error) as error:
        raise DataError(f"{where} is not valid Unicode. Save the table as UTF-8 text.") from error


def _typed(canonical_text: TextIO, names: list[str], where: str, *, first: int) -> pd.DataFrame:
    """Let pandas find the type of every column, and correct it where the text tells more.

    Raises:
        DataError: pandas cannot read it.
    """

    def read(columns: list[int], missing: Iterable[str], dtype: type[str] | None) -> pd.DataFrame:
        canonical_text.seek(0)
        return pd.read_csv(
            canonical_text,
            header=None,
            names=list(range(len(names))),
            usecols=columns,
            index_col=False,
            na_values=list(missing),
            keep_default_na=False,
            skip_blank_lines=False,
            low_memory=False,  # types of whole columns, not of pieces
            dtype=dtype,
        )

    try:
        frame = read(list(range(first, len(names))), MISSING, None)
        frame.columns = pd.Index(names[first:])
        doubtful = [index for index in range(first, len(names)) if _doubtful(frame.iloc[:, index - first])]
        texts = read(doubtful, [""], str) if doubtful else pd.DataFrame()
        words: dict[str, dict[str, int]] = {}
        for index, (_, text) in zip(doubtful, texts.items(), strict=True):
            words[names[index]] = _count_words(text)
            column = frame.iloc[:, index - first]
            if pd.api.types.is_numeric_dtype(column.dtype):
                known = text.where(column.notna())
                if _tells_more(known):
                    frame.isetitem(index - first, known.astype(object).to_numpy())
                elif pd.api.types.is_float_dtype(column.dtype) and column.abs().max() > _EXACT:
                    frame.isetitem(index - first, _whole(known, column))
    except (ValueError, ArithmeticError, LookupError) as error:
        why = next(iter(str(error).splitlines()), "")[:100]
        raise DataError(f"{where} cannot be read as a table ({why}). Save it again as UTF-8 text.") from error
    frame.attrs[MISSING_WORDS] = {name: counts for name, counts in words.items() if counts}
    return frame


def _whole(texts: pd.Series, numbers: pd.Series) -> Any:
    """Read large whole numbers, which pandas makes floats where some are missing, without rounding them."""
    if not texts.dropna().str.fullmatch(r"[+-]?\d{1,19}").all():
        return numbers
    try:
        return pd.array([None if pd.isna(text) else int(text) for text in texts], dtype="Int64")
    except OverflowError:  # beyond 64 bits
        return texts.astype(object).to_numpy()


def _doubtful(column: pd.Series) -> bool:
    """Tell whether the text of a column may say more than what pandas made of it."""
    return pd.api.types.is_numeric_dtype(column.dtype) or bool(column.isna().any())


def _count_words(texts: pd.Series) -> dict[str, int]:
    """Count the spellings of a missing value that are words."""
    marks = texts[texts.isin([word for word in MISSING if word])]
    return {str(word): int(count) for word, count in marks.value_counts().items()} if len(marks) else {}


def _tells_more(texts: pd.Series) -> bool:
    """Tell whether the text of a column of numbers says more than the numbers do."""
    distinct = texts.dropna().unique().tolist()
    if any(map(is_code, distinct)):
        return True
    return len(distinct) <= _MOST_CLASSES and any(_rewritten(text) for text in distinct)


def _rewritten(text: str) -> bool:
    number = canonical(text)
    return (
        text not in (number, f"{number}.0", "-0", "-0.0", "True", "False") and read_number(text) is not None
    )


def _delimiter(head: list[str]) -> str:
    """Choose the delimiter that splits most of the first lines as it splits the header."""
    best, best_score = ",", (0.0, 1)
    for delimiter in _DELIMITERS:
        try:
            rows = [row for row in csv.reader(head, delimiter=delimiter, skipinitialspace=True) if row]
        except csv.Error:
            continue
        width = len(rows[0]) if rows else 1
        if width > 1:
            score = (sum(len(row) == width for row in rows) / len(rows), width)
            if score > best_score:
                best, best_score = delimiter, score
    return best


def _rows(
    lines: Iterable[str], delimiter: str, where: str, n_skipped: int
) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the line where a row begins, and its stripped values; skip blank lines."""
    # Strict: an unclosed quote or text after a closing one is an error, not a guess.
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        line = reader.line_num + 1 + n_skipped
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{where}, line {line}: {error}. Close every quote, and double a quote inside a quoted value."
            ) from error
        values = [value.strip() for value in row]
        if values and values != [""]:
            yield line, values


def _check_names(names: list[str], where: str) -> None:
    nameless = [position for position, name in enumerate(names, start=1) if not name]
    if all(read_number(name) is not None for name in names if name) and (
        nameless or any("." in name for name in names)
    ):
        raise DataError(
            f"{where}: the first line holds numbers, not column names. Put a line of names above it."
        )
    if nameless:
        raise DataError(
            f"{where}: column {', '.join(map(str, nameless))} of the header has no name. Name it, or delete "
            "the delimiter at the end of every line."
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"{where}: several columns are named {examples(repeated)}. Give every column its own name; if "
            "the first line is data, put a line of names above it."
        )
