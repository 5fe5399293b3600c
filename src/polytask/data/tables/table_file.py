"""Files of tables, opened with care: what they expand to is bounded, and damage is told by file and line."""

import codecs
import contextlib
import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import pandas as pd

from polytask.core import DataError, InputError, MissingPackageError
from polytask.core.memory_budget import check_free_bytes
from polytask.data.tables.delimited import read_lines
from polytask.data.tables.header import find_header, first_lines
from polytask.data.tables.plain_delimited import read_plain
from polytask.data.tables.plain_file import PlainFile
from polytask.data.tables.problems import examples
from polytask.data.tables.written_table import read_texts

__all__ = [
    "check_same_columns",
    "check_same_types",
    "join_parquet",
    "open_parquet",
    "parquet_errors",
    "read_parquet_file",
    "read_parquet_files",
    "read_text_file",
    "read_written_file",
]

_MIB = 2**20
_LARGE = _MIB  # bytes from which a file is worth looking for the faster way to read it
_LIMIT = "POLYTASK_MAX_EXPANDED_MB"
_SMALLEST_LIMIT, _LARGEST_RATIO = 64 * _MIB, 100
_LONGEST_LINE = 32 * _MIB
_COPIES = 2  # of a table while it is read
_TEXT_GROWS = 3  # so many bytes of memory a byte of text, at least


def read_text_file(path: Path) -> pd.DataFrame:
    """Read delimited text, compressed by gzip if the name ends in ``.gz``.

    What a compressed file expands to is limited: to 64 MiB, or a hundred times its size if that is more, or
    as many MiB as the environment variable ``POLYTASK_MAX_EXPANDED_MB`` says.

    Raises:
        DataError: It cannot be read, is damaged or not UTF-8, or expands too far or beyond the free memory.
    """
    n_bytes = _TEXT_GROWS * path.stat().st_size
    _check_memory(n_bytes, str(path), "Convert it to Parquet, which is read in pieces")

    def read() -> pd.DataFrame:
        plain = _read_plain(path) if path.stat().st_size >= _LARGE else None
        return _read_checked(path, read_lines) if plain is None else plain

    return _file_errors(path, read)


def read_written_file(path: Path) -> pd.DataFrame:
    """Read delimited text as `read_text_file` does, but leave every value the text that it is.

    Raises:
        DataError: As there.
    """
    n_bytes = _TEXT_GROWS * path.stat().st_size
    _check_memory(n_bytes, str(path), "Give it in several parts")
    return _file_errors(path, lambda: _read_checked(path, read_texts))


def _read_checked(path: Path, read: Callable[[TextIO, str], pd.DataFrame]) -> pd.DataFrame:
    with _opened(path) as content:
        _check_text(content, path)
    with _opened(path) as content, io.TextIOWrapper(content, encoding="utf-8-sig", newline="") as text:
        return read(text, str(path))


def _file_errors(path: Path, read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Turn what the system and gzip raise into an error that names the file."""
    try:
        return read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is a damaged gzip file ({error}). Copy or compress it again.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from error


def read_parquet_file(path: Path) -> pd.DataFrame:
    """Read a Parquet file; its numbers may take as much memory as `read_text_file` allows.

    Raises:
        DataError: It cannot be read, is damaged, or expands too far or beyond the free memory.
        MissingPackageError: pyarrow is not installed.
    """
    _check_numbers([path])
    with parquet_errors(path):
        return pd.read_parquet(path, engine="pyarrow")


def read_parquet_files(paths: Sequence[Path]) -> pd.DataFrame:
    """Read several Parquet files as one table; see `read_parquet_file`.

    Raises:
        DataError: As for one; or a file has other columns than the first.
        MissingPackageError: pyarrow is not installed.
    """
    _check_numbers(paths)
    tables = []
    for path in paths:
        with open_parquet(path) as file, parquet_errors(path):
            tables.append(file.read())
    return join_parquet(tables, paths)


def _check_numbers(paths: Sequence[Path]) -> None:
    """Refuse files whose numbers take too much memory."""
    n_bytes = 0
    for path in paths:
        with open_parquet(path) as file:
            n_numbers = 8 * file.metadata.num_rows * file.metadata.num_columns
        _check_size(n_numbers, path, "Raise the limit: set")
        n_bytes += n_numbers
    where = str(paths[0]) if len(paths) == 1 else f"The table of {len(paths)} files from {paths[0]} on"
    _check_memory(_COPIES * n_bytes, where, "Give it fewer columns or rows")


def open_parquet(path: Path) -> Any:
    """Open a Parquet file, a `pyarrow.parquet.ParquetFile` that reads piece by piece.

    Raises:
        DataError: It cannot be read, or is damaged.
        MissingPackageError: pyarrow is not installed.
    """
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise MissingPackageError("pyarrow", extra="parquet", purpose="reading Parquet files") from error
    with parquet_errors(path):
        return parquet.ParquetFile(path, buffer_size=_MIB, pre_buffer=False, memory_map=False)


def join_parquet(tables: Sequence[Any], paths: Sequence[Path]) -> pd.DataFrame:
    """Put Arrow tables of one form, one from each path, below each other.

    Raises:
        DataError: They have other columns, or types that do not go together.
    """
    import pyarrow

    for table, path in zip(tables, paths, strict=True):
        check_same_columns(table.column_names, tables[0].column_names, path, paths[0])
        check_same_types(table.schema, tables[0].schema, path, paths[0])
    tables = [table.select(tables[0].column_names) for table in tables]
    with parquet_errors(paths[0], also=f" together with {len(paths) - 1} more" if len(paths) > 1 else ""):
        joined = pyarrow.concat_tables(tables, promote_options="permissive")
        return joined.unify_dictionaries().to_pandas().reset_index(drop=True)


def check_same_columns(names: Sequence[str], expected: Sequence[str], path: Path, first: Path) -> None:
    """Refuse a file that has other columns than the first one; their order does not matter."""
    lacking = [name for name in expected if name not in names]
    more = [name for name in names if name not in expected]
    if lacking or more:
        told = [f"lacks {examples(lacking, limit=3)}"] * bool(lacking)
        told += [f"has {examples(more, limit=3)} more"] * bool(more)
        raise DataError(
            f"{path} {' and '.join(told)}, compared with the columns of {first}. The files of one table need "
            "the same columns."
        )


def check_same_types(schema: Any, expected: Any, path: Path, first: Path) -> None:
    """Refuse a file with a column, in Arrow schemas, whose values do not go together with the first one's."""
    import pyarrow

    for wanted in expected:
        for field in map(schema.field, schema.get_all_field_indices(wanted.name)):
            try:
                both = [pyarrow.schema([wanted]), pyarrow.schema([field])]
                pyarrow.unify_schemas(both, promote_options="permissive")
            except pyarrow.ArrowException as error:
                raise DataError(
                    f"Column {wanted.name!r} is {field.type} in {path}, but {wanted.type} in {first}. Write "
                    "it with the same type in all files of a table."
                ) from error


@contextlib.contextmanager
def parquet_errors(path: Path, also: str = "") -> Iterator[None]:
    """Turn what pyarrow and pandas raise into an error that names the file."""
    import pyarrow

    try:
        yield
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
            f"{path}{also} is no Parquet file that can be read ({first}). Write or copy it again."
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

    packed = path.name.lower().endswith(".gz")
    if packed:  # it may expand too far, which comes before it is parsed
        check(lambda _: None)
    file = PlainFile(header=header, start=start, open=lambda: _opened(path), path=None if packed else path)
    return read_plain(file, check, str(path))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    packed = path.name.lower().endswith(".gz")
    with path.open("rb") as raw, gzip.open(raw) if packed else contextlib.nullcontext(raw) as content:
        yield content  # pyright: ignore[reportReturnType] - a gzip file is read like any other


def _check_text(content: BinaryIO, path: Path, look: Callable[[bytes], None] = lambda _: None) -> None:
    """Read a file once, piece by piece, before anything is made of it; show each piece to ``look``."""
    packed = path.name.lower().endswith(".gz")
    decoder = codecs.getincrementaldecoder("utf-8")()
    n_read, line_start = 0, 0
    while True:
        piece = content.read(_MIB)
        if packed:
            _check_size(n_read + len(piece), path, "Decompress the file yourself, or set")
        try:
            if not piece or decoder.getstate()[0] or not piece.isascii():  # ASCII is UTF-8 as it is
                decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            line = _line(path, n_read) + error.object.count(b"\n", 0, error.start)
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
        last_end = max(piece.rfind(b"\n"), piece.rfind(b"\r"))
        line_start = n_read + last_end + 1 if last_end >= 0 else line_start
        n_read += len(piece)
        if n_read - line_start > _LONGEST_LINE:
            raise DataError(
                f"{path}, line {_line(path, n_read)}, is longer than {_LONGEST_LINE // _MIB} MiB, which no "
                "row of a table is. Check that the file is a table with line ends."
            )


def _line(path: Path, n_bytes: int) -> int:
    """Tell in which line some bytes of a file end, counted from 1; only where something is wrong."""
    with _opened(path) as content:
        sizes = range(n_bytes, 0, -_MIB)
        return 1 + sum(content.read(min(_MIB, size)).count(b"\n") for size in sizes)


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


def _check_memory(n_bytes: int, where: str, remedy: str) -> None:
    check_free_bytes(
        n_bytes,
        f"{where} takes about {n_bytes / 2**30:.1f} GiB of memory to read at once",
        f"{remedy}, or use a machine with more memory.",
    )
