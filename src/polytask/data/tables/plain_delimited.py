"""Large delimited text, read at the speed of pandas where pandas takes it for the same table as we do.

`polytask.data.tables.delimited` reads any file, with care: each value is split off, stripped and written
again before pandas sees it. Most files are plain, and pandas may read them as they are: quotes around whole
values alone, no white space around a value, rows as long as the header. Then several threads count bytes
that would make it another table (`PlainLook`, or `PlainScan` where that does not suffice); where there are
some, the file is read with care after all. The text of a column matters, too, where it may say more:
leading zeros, few different values, words for missing ones. Columns that begin so are text from the start
(`plain_written`), words are found among the bytes (`plain_missing`), and what is left is read a second time.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from polytask.data.tables.header import check_names
from polytask.data.tables.plain_bytes import PlainBytes, PlainLook
from polytask.data.tables.plain_file import PlainFile, threads
from polytask.data.tables.plain_missing import ALL_WORDS, count_words, first_letters
from polytask.data.tables.plain_parse import arrow_text_type, is_large, parse, parse_texts
from polytask.data.tables.plain_scan import PlainScan
from polytask.data.tables.plain_text import TextBytes, count_code_texts, is_text, may_hold_words, text_bytes
from polytask.data.tables.plain_written import guess_written, settle
from polytask.data.tables.typed_columns import MOST_CLASSES, N_SAMPLED, mark_missing, typed_columns

__all__ = ["read_plain"]

_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parsed:
    """A table as pandas made it.

    Args:
        frame: The table.
        texts: Its columns of text.
        missing: By column, ``[row]``, whether a value is missing.
        few: By column, whether it has floats that are few or large, of which the text may say more.
        settled: The columns, by index, that were read as text, and are what their text says.
    """

    frame: pd.DataFrame
    texts: list[pd.Series]
    missing: list[np.ndarray]
    few: list[bool]
    settled: Collection[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What is known of a file beside the table that pandas made of it.

    Args:
        has_codes, has_plus: Whether numbers may begin with a zero and a digit, or have a plus sign.
        has_quotes: Whether values are quoted.
        words: Words for missing values by column; None where they were not counted.
    """

    has_codes: bool
    has_plus: bool
    has_quotes: bool
    words: list[dict[str, int]] | None = None


def read_plain(
    file: PlainFile, check: Callable[[Callable[[bytes], None]], None], where: str
) -> pd.DataFrame | None:
    """Read a file as `read_lines` does; None where that has to be asked.

    Args:
        file: The file.
        check: Goes through the file, and shows what it is given every piece of it.
        where: Names the file in messages.

    Raises:
        DataError: What ``check`` raises; or the names of the columns cannot be used.
    """
    header = file.header
    head, rows = file.head()
    if not rows or not header.delimiter.isascii() or len(header.names) < 2:
        return None
    with threads() as pool:
        written = guess_written(rows) if arrow_text_type() is not None else []
        parsed, found = _parsed(file, written, pool, (head, rows))
        if parsed is None and written:
            parsed, found = _parsed(file, [], pool, (head, rows))
        if parsed is None:
            return None
        evidence = found and _evidence(file, parsed, pool, found)
        if evidence is None:
            parsed, evidence = _with_scan(file, check, pool, parsed)
            if parsed is None or evidence is None:
                return None
    check_names(list(header.names[header.n_numbered :]), where)
    frame = parsed.frame
    has_missing = [bool(missing.any()) for missing in parsed.missing]

    def read(columns: list[int], _: Iterable[str], dtype: type[str] | None) -> pd.DataFrame:
        if dtype is None:
            return frame.iloc[:, columns[0] :]  # all from the first one on, and no copy of them
        return parse_texts(file, columns, len(frame), lines_in_values=evidence.has_quotes)

    def doubtful(index: int, column: pd.Series) -> bool:
        if index in parsed.settled:
            return False
        if has_missing[index] and evidence.words is None:
            return True
        if pd.api.types.is_integer_dtype(column.dtype):
            return evidence.has_codes or evidence.has_plus
        return parsed.few[index] or (evidence.has_codes and _may_be_codes(column))

    def known_words(index: int) -> dict[str, int]:
        return evidence.words[index] if evidence.words else {}

    return typed_columns(read, header, doubtful=doubtful, known_words=known_words)


def _parsed(
    file: PlainFile,
    written: Collection[int],
    pool: Executor,
    beginning: tuple[bytes, list[list[str]]] | None,
) -> tuple[_Parsed | None, tuple[PlainLook, Iterator[PlainBytes]] | None]:
    """Let pandas read a file, and begin to look at its bytes; nothing where it cannot.

    Args:
        file: The file.
        written: Columns to read as text.
        pool: Threads.
        beginning: The first bytes of rows, and their values; None to read it from one end to the other, and
            to look at nothing.
    """
    frame = parse(file, pool, written, in_turn=beginning is None)
    if frame is None or frame.empty:
        return None, None
    columns = [column for _, column in frame.items()]
    texts = [column for column in columns if is_text(column)]
    if any(may_hold_words(text) for text in texts if text.name not in written):
        mark_missing(frame)
        columns = [column for _, column in frame.items()]
    missing = list(pool.map(lambda column: column.isna().to_numpy(), columns))
    found = None
    if beginning is not None and file.header.delimiter in _DELIMITERS:
        look = _first_look(file, *beginning, columns, missing)
        found = look, file.each_part(look, pool)
    few = pool.map(_are_few, columns)
    for index, settled in zip(written, pool.map(settle, [columns[index] for index in written]), strict=True):
        if settled is None:
            return None, None
        frame.isetitem(index, settled.values)
        missing[index] = settled.missing
    return _Parsed(frame=frame, texts=texts, missing=missing, few=list(few), settled=written), found


def _first_look(
    file: PlainFile, head: bytes, rows: list[list[str]], columns: list[pd.Series], missing: list[np.ndarray]
) -> PlainLook:
    """Choose what bytes are looked for: what the table may have, and the first rows do have."""
    delimiter = ord(file.header.delimiter)
    integers = any(pd.api.types.is_integer_dtype(column.dtype) for column in columns)
    return PlainLook(
        delimiter=delimiter,
        codes=integers or any(map(_may_be_codes, columns)),
        more=delimiter != ord(",") or any(letter in head for letter in (b'"', b"+", b"\r")),
        words=first_letters([value for row in rows for value in row])
        if any(values.any() for values in missing)
        else None,
        rows=bool(missing[-1].any()),
    )


def _evidence(
    file: PlainFile, parsed: _Parsed, pool: Executor, begun: tuple[PlainLook, Iterator[PlainBytes]]
) -> _Evidence | None:
    """Look whether pandas took the file for the table that it is; None where counting does not tell."""
    look, parts = begun
    counted = list(pool.map(lambda text: text_bytes(text, look.delimiter), parsed.texts))
    texts = sum((text for text in counted if text is not None), TextBytes())
    if any(text is None for text in counted):
        return None
    wanted = any(missing.any() for missing in parsed.missing)
    rows = bool(parsed.missing[-1].any())
    everything = replace(look, more=True, words=ALL_WORDS if wanted else None, rows=rows)
    while True:
        found = sum(parts, PlainBytes())
        if not found.is_plain:
            return None
        words = count_words(found.missing, parsed.missing) if wanted and look.words is not None else None
        if _explains(found, texts, parsed.frame.shape, look.delimiter) and (words is not None or not wanted):
            break
        if look == everything:
            return None
        look, parts = everything, file.each_part(everything, pool)
    has_quotes = look.more and found.n_quotes != texts.n_quotes
    known = 0 if has_quotes or not found.n_codes else sum(pool.map(count_code_texts, parsed.texts))
    return _Evidence(
        has_codes=found.n_codes != known,
        has_plus=look.more and found.n_plus != texts.n_plus,
        has_quotes=has_quotes,
        words=words,
    )


def _explains(found: PlainBytes, texts: TextBytes, shape: tuple[int, int], delimiter: int) -> bool:
    """Tell whether all small bytes end lines, part values, are in text, or are known to be in numbers."""
    n_rows, n_columns = shape
    n_known = n_rows * n_columns + texts.n_small
    if found.n_small == n_known:
        return True
    if found.n_returns and (found.n_returns != n_rows or texts.has_line_ends):
        return False
    if delimiter == ord(","):
        n_known += max(found.n_plus - texts.n_plus, 0) + max(found.n_quotes - texts.n_quotes, 0)
    return found.n_small == n_known + found.n_returns


def _with_scan(
    file: PlainFile, check: Callable[[Callable[[bytes], None]], None], pool: Executor, parsed: _Parsed
) -> tuple[_Parsed | None, _Evidence | None]:
    """Look at all bytes with more care, and let pandas read the file anew where that matters."""
    scan = PlainScan(file.header, file.start)
    check(scan.look)
    again: _Parsed | None = parsed
    if parsed.settled or parsed.missing[-1].any():
        # Where parts are read at once, a row that is too long may be taken for whole, and hide one too short.
        again, _ = _parsed(file, [], pool, None)
    if not scan.is_plain or again is None:
        return None, None
    if scan.n_delimiters != (len(file.header.names) - 1) * len(again.frame):
        return None, None
    return again, _Evidence(has_codes=scan.has_codes, has_plus=scan.has_plus, has_quotes=scan.has_quotes)


def _may_be_codes(column: pd.Series) -> bool:
    """Tell whether values of a column may have been codes before they were numbers: they are whole."""
    if pd.api.types.is_integer_dtype(column.dtype):
        return True
    if not pd.api.types.is_float_dtype(column.dtype):
        return False
    values = column.to_numpy()
    return bool((values == np.rint(values)).any())


def _are_few(column: pd.Series) -> bool:
    """Tell whether floats are so few, or so large, that their text may say more than the numbers do."""
    if not pd.api.types.is_float_dtype(column.dtype):
        return False
    if is_large(column):
        return True
    sizes = (2 * MOST_CLASSES, N_SAMPLED, len(column))  # most columns tell at once
    return bool(column.notna().any()) and all(column.iloc[:size].nunique() <= MOST_CLASSES for size in sizes)
