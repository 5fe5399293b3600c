"""Delimited text to a data frame, strictly: a file that can be read in two ways is refused."""

import csv
import io
import itertools
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TextIO, TypeAlias, cast

import pandas as pd

from polytask.core import DataError
from polytask.data.tables.cell import canonical, read_number
from polytask.data.tables.problems import examples

__all__ = [
    "EXACT",
    "MISSING",
    "MISSING_WORDS",
    "MOST_CLASSES",
    "N_SAMPLED",
    "ColumnsReader",
    "Header",
    "check_names",
    "find_header",
    "first_lines",
    "read_delimited",
    "read_lines",
    "typed_columns",
    "whole_rows",
]

ColumnsReader: TypeAlias = Callable[[list[int], Iterable[str], type[str] | None], pd.DataFrame]
"""Reads some columns, given by index; which words are missing values; and of which type, None for any."""

MISSING = ("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "NULL", "null", "None")
"""The spellings of a missing value."""

MISSING_WORDS = "words read as missing"
"""Where a frame's ``attrs`` tell which words of a text column count as missing: column, word, rows."""

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE | re.DOTALL)
_IN_MEMORY = 32 * 2**20  # bytes of a table's text, beyond which it waits on disk
MOST_CLASSES = 1000
"""Different numbers of a column beyond which the way that they are written does not matter."""

N_SAMPLED = 20_000
"""Rows that are looked at before all of them."""

EXACT = 2**53
"""Up to which a float holds every whole number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the first lines of a file tell.

    Args:
        delimiter: Between the values of a row.
        names: Of the columns, as they are written.
        n_lines: Lines before the first row.
    """

    delimiter: str
    names: tuple[str, ...]
    n_lines: int

    @property
    def n_numbered(self) -> int:
        """1 where the first column is row numbers without a name, which are left out."""
        return int(len(self.names) > 1 and not self.names[0])


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
    head = first_lines(file)
    header = find_header(head, where)
    n_columns = len(header.names)
    rows = whole_rows(itertools.chain(head[header.n_lines :], file), header, where)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="") as spooled:
        canonical_text = cast(TextIO, spooled)
        # Quotes a carriage return inside a value as well, since the terminator contains one.
        writer = csv.writer(canonical_text, lineterminator="\r\n")
        n_rows = 0
        for line, row in rows:
            _write(writer, row, f"{where}, line {line}")
            n_rows += 1
        if not n_rows:
            raise DataError(f"{where} has a header but no rows; add some.")
        check_names(list(header.names[header.n_numbered :]), where)

        def read(columns: list[int], missing: Iterable[str], dtype: type[str] | None) -> pd.DataFrame:
            canonical_text.seek(0)
            return pd.read_csv(
                canonical_text,
                header=None,
                names=list(range(n_columns)),
                usecols=columns,
                index_col=False,
                na_values=list(missing),
                keep_default_na=False,
                skip_blank_lines=False,
                low_memory=False,  # types of whole columns, not of pieces
                dtype=dtype,
            )

        try:
            return typed_columns(read, header, doubtful=_doubtful)
        except (ValueError, ArithmeticError, LookupError) as error:
            why = next(iter(str(error).splitlines()), "")[:100]
            raise DataError(
                f"{where} cannot be read as a table ({why}). Save it again as UTF-8 text."
            ) from error


def first_lines(file: Iterable[str]) -> list[str]:
    """Take the lines of a file up to the first one that is not blank, and 99 more."""
    lines = iter(file)
    head: list[str] = []
    for line in lines:
        head.append(line)
        if line.strip():
            break
    return head + list(itertools.islice(lines, 99))


def find_header(head: list[str], where: str) -> Header:
    """Find delimiter and names in the first lines of a file.

    Raises:
        DataError: There are none.
    """
    marked = _SEPARATOR_LINE.fullmatch(head[0]) if head else None
    delimiter = marked.group(1) if marked else _delimiter(head)
    if delimiter in '\r\n" ':
        raise DataError(f"{where}, line 1: sep= names no delimiter. Delete the line, or name one.")
    n_skipped = 1 if marked else 0
    lines = iter(head[n_skipped:])
    _, names = next(_rows(lines, delimiter, where, n_skipped), (0, None))
    if names is None:
        raise DataError(f"{where} is empty; it needs a line of column names, and rows.")
    return Header(delimiter=delimiter, names=tuple(names), n_lines=len(head) - len(list(lines)))


def _write(writer: Any, row: list[str], where: str) -> None:
    try:
        writer.writerow(row)
    except (UnicodeError, csv.Error) as error:
        raise DataError(f"{where} is not valid Unicode. Save the table as UTF-8 text.") from error


def typed_columns(
    read: ColumnsReader,
    header: Header,
    *,
    doubtful: Callable[[int, pd.Series], bool],
    known_words: Callable[[int], dict[str, int]] = lambda _: {},
) -> pd.DataFrame:
    """Let pandas find the type of every column, and correct it where the text tells more.

    Args:
        read: Reads columns of the file.
        header: Its header.
        doubtful: Tells whether the text of a column, given by index and values, has to be read, too.
        known_words: Tells which words of another column count as missing, and how often.
    """
    first, names = header.n_numbered, list(header.names)
    frame = read(list(range(first, len(names))), MISSING, None)
    frame.columns = pd.Index(names[first:])
    indices = [index for index in range(first, len(names)) if doubtful(index, frame.iloc[:, index - first])]
    texts = read(indices, [""], str) if indices else pd.DataFrame()
    words = {names[index]: known_words(index) for index in range(first, len(names))}
    for index, (_, text) in zip(indices, texts.items(), strict=True):
        words[names[index]] = _count_words(text)
        column = frame.iloc[:, index - first]
        if pd.api.types.is_numeric_dtype(column.dtype):
            known = text.where(column.notna())
            if _tells_more(known):
                frame.isetitem(index - first, known.astype(object).to_numpy())
            elif pd.api.types.is_float_dtype(column.dtype) and column.abs().max() > EXACT:
                frame.isetitem(index - first, _whole(known, column))
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


def _doubtful(_: int, column: pd.Series) -> bool:
    """Tell whether the text of a column may say more than what pandas made of it."""
    return pd.api.types.is_numeric_dtype(column.dtype) or bool(column.isna().any())


def _count_words(texts: pd.Series) -> dict[str, int]:
    """Count the spellings of a missing value that are words."""
    marks = texts[texts.isin([word for word in MISSING if word])]
    return {str(word): int(count) for word, count in marks.value_counts().items()} if len(marks) else {}


def _tells_more(texts: pd.Series) -> bool:
    """Tell whether the text of a column of numbers says more than the numbers do."""
    texts = texts.dropna()
    if texts.str.fullmatch(r"[+-]?0[0-9]+").any():  # as `is_code` has it, all at once
        return True
    if texts.iloc[:N_SAMPLED].nunique() > MOST_CLASSES:
        return False
    distinct = texts.unique().tolist()
    return len(distinct) <= MOST_CLASSES and any(_rewritten(text) for text in distinct)


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


def whole_rows(
    lines: Iterable[str], header: Header, where: str, *, quoted_empty: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the values of every row below the header.

    Args:
        lines: Those below the header.
        header: What `find_header` found.
        where: Names the file in messages.
        quoted_empty: Whether ``""`` in a line of its own is the empty value of an only column, and no blank
            line.

    Raises:
        DataError: A row has another number of fields than the header, or a quote is not closed.
    """
    n_columns = len(header.names)
    for line, row in _rows(
        lines, header.delimiter, where, header.n_lines, quoted_empty=quoted_empty and n_columns == 1
    ):
        if len(row) != n_columns:
            raise DataError(
                f"{where}, line {line}: the header has {n_columns} fields, but this line has "
                f"{len(row)}. Complete or shorten it; quote a value that contains a "
                f"{_DELIMITERS.get(header.delimiter, repr(header.delimiter))}."
            )
        yield line, row


def _rows(
    lines: Iterable[str], delimiter: str, where: str, n_skipped: int, *, quoted_empty: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the line where a row begins, and its stripped values; skip blank lines."""
    # Strict: an unclosed quote or text after a closing one is an error, not a guess.
    written = ""

    def watched() -> Iterator[str]:
        nonlocal written
        for line in lines:
            written = line
            yield line

    reader = csv.reader(
        watched() if quoted_empty else lines, delimiter=delimiter, skipinitialspace=True, strict=True
    )
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
        if values and (values != [""] or '"' in written):
            yield line, values


def check_names(names: list[str], where: str) -> None:
    """Refuse names of which columns cannot be told apart, or that are rather numbers of a first row.

    Raises:
        DataError: They cannot be used.
    """
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
