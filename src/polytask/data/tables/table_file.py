"""Files of tables, opened with care: what they expand to is bounded, and damage is told by file and line."""

import codecs
import contextlib
import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pandas as pd

from polytask.core import DataError, InputError, MissingPackageError
from polytask.data.tables.delimited import find_header, first_lines, read_lines
from polytask.data.tables.plain_delimited import read_plain

__all__ = ["read_parquet_file", "read_text_file"]

_MIB = 2**20
_LARGE = _MIB  # bytes from which a file is worth looking for the faster way to read it
_LIMIT = "POLYTASK_MAX_EXPANDED_MB"
_SMALLEST_LIMIT, _LARGEST_RATIO = 64 * _MIB, 100
_LONGEST_LINE = 32 * _MIB


def read_text_file(path: Path) -> pd.DataFrame:
    """Read delimited text, compressed by gzip if the name ends in ``.gz``.

    What a compressed file expands to is limited: to 64 MiB, or a hundred times its size if that is more, or
    as many MiB as the environment variable ``POLYTASK_MAX_EXPANDED_MB`` says.

    Raises:
        DataError: It cannot be read, is damaged or not UTF-8, or expands too far.
    """
    try:
        plain = _read_plain(path) if path.stat().st_size >= _LARGE else None
        if plain is not None:
            return plain
        with _opened(path) as content:
            _check_text(content, path)
        with _opened(path) as content, io.TextIOWrapper(content, encoding="utf-8-sig", newline="") as text:
            return read_lines(text, str(path))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is a damaged gzip file ({error}). Copy or compress it again.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from error


def read_parquet_file(path: Path) -> pd.DataFrame:
    """Read a Parquet file; its numbers may take as much memory as `read_text_file` allows.

    Raises:
        DataError: It cannot be read, is damaged, or expands too far.
        MissingPackageError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingPackageError("pyarrow", extra="parquet", purpose="reading Parquet files") from error
    try:
        form = parquet.ParquetFile(path).metadata
        _check_size(8 * form.num_rows * form.num_columns, path, "Raise the limit: set")
        return pd.read_parquet(path, engine="pyarrow")
    except InputError:
        raise
    except (
        pyarrow.ArrowException,
        OSError,
        ValueError,
        TypeError,
        ArithmeticError,
        LookupError,
        NotImplementedError,
    ) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(
            f"{path} is no Parquet file that can be read ({first}). Write or copy it again."
        ) from error


def _read_plain(path: Path) -> pd.DataFrame | None:
    """Read a file by the faster of two ways; None where that is not possible."""
    with _opened(path) as content:
        marked = content.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    try:
        with _opened(path) as content, io.TextIOWrapper(content, encoding="utf-8-sig", newline="") as text:
            head = first_lines(text)
        header = find_header(head, str(path))
    except (UnicodeError, DataError):  # told with more care by the other way
        return None
    start = len("".join(head[: header.n_lines]).encode()) + marked * len(codecs.BOM_UTF8)

    def check(look: Callable[[bytes], None]) -> None:
        with _opened(path) as content:
            _check_text(content, path, look)

    if path.name.lower().endswith(".gz"):  # it may expand too far, which comes before it is parsed
        check(lambda _: None)
    return read_plain(header, start, lambda: _opened(path), check, str(path))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    packed = path.name.lower().endswith(".gz")
    with path.open("rb") as raw, gzip.open(raw) if packed else contextlib.nullcontext(raw) as content:
        yield content  # pyright: ignore[reportReturnType] - a gzip file is read like any other


def _check_text(content: BinaryIO, path: Path, look: Callable[[bytes], None] = lambda _: None) -> None:
    """Read a file once, piece by piece, before anything is made of it; show each piece to ``look``."""
    packed = path.name.lower().endswith(".gz")
    decoder = codecs.getincrementaldecoder("utf-8")()
    n_read, line, line_start = 0, 1, 0
    while True:
        piece = content.read(_MIB)
        if packed:
            _check_size(n_read + len(piece), path, "Decompress the file yourself, or set")
        try:
            decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
            raise DataError(
                f"{path}, line {line}: byte {error.object[error.start]:#04x} is not UTF-8. Save the table as "
                "UTF-8 text."
            ) from error
        if not piece:
            return
        look(piece)
        if b"\0" in piece:
            raise DataError(
                f"{path} contains NUL characters, so it is no UTF-8 text. Save the table as UTF-8 text."
            )
        line += piece.count(b"\n")
        last_end = max(piece.rfind(b"\n"), piece.rfind(b"\r"))
        line_start = n_read + last_end + 1 if last_end >= 0 else line_start
        n_read += len(piece)
        if n_read - line_start > _LONGEST_LINE:
            raise DataError(
                f"{path}, line {line}, is longer than {_LONGEST_LINE // _MIB} MiB, which no row of a table "
                "is. Check that the file is a table with line ends."
            )


def _check_size(n_bytes: int, path: Path, remedy: str) -> None:
    asked = os.environ.get(_LIMIT)
    if asked is None:
        limit = max(_SMALLEST_LIMIT, _LARGEST_RATIO * path.stat().st_size)
    elif asked.isascii() and asked.isdigit():
        limit = int(asked) * _MIB
    else:
        raise InputError(f"The environment variable {_LIMIT} must be a whole number of MiB, got {asked!r}.")
    if n_bytes > limit:
        raise DataError(
            f"{path} takes {path.stat().st_size:,} bytes on disk, but expands to more than {limit // _MIB} "
            f"MiB, which is its limit. {remedy} the environment variable {_LIMIT} to a number of MiB."
        )
