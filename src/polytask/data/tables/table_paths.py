"""Which files a table is in: one, those of a list, of a folder, or of a pattern: ``part-*.parquet``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polytask.core import DataError
from polytask.core.files import user_path
from polytask.data.tables.problems import examples

__all__ = ["PARQUET", "TEXT", "is_path", "refuse_spreadsheet", "table_paths"]

TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
PARQUET = (".parquet", ".pq")
_SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")
_WILD = "*?["


def is_path(source: Any) -> bool:
    """Tell whether a table is given by the path of a file or folder, a pattern of paths, or several paths."""
    if isinstance(source, list | tuple):
        return bool(source) and all(isinstance(one, str | Path) for one in source)
    return isinstance(source, str | Path)


def table_paths(source: str | Path | Sequence[str | Path]) -> list[Path]:
    """List the files of a table: one file of any kind, or Parquet files that are read one after the other.

    Args:
        source: A file; a folder, of which the Parquet files count, in the order of their names; a pattern
            with ``*``, ``?`` or ``[]``, where no file is so named; or several paths in a list.

    Raises:
        DataError: There is no such file, or several of which one is no Parquet file.
    """
    if isinstance(source, str | Path):
        return _of_one(source)
    paths = [path for one in source for path in _of_one(one)]
    odd = [path for path in paths if not path.name.lower().endswith(PARQUET)]
    if odd and len(paths) > 1:
        raise DataError(
            f"Several files make one table if all are Parquet files, but {odd[0]} is none. Convert it, or "
            "give one file."
        )
    return paths


def _of_one(source: str | Path) -> list[Path]:
    path = user_path(source)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except (ValueError, OSError) as error:  # a NUL, or a name too long
        raise DataError(f"{str(source)[:200]!a} is no path of a file ({error}).") from error
    if is_folder:
        return _of_folder(path)
    if is_file:
        return [path]
    if any(mark in path.name for mark in _WILD) and path.parent.is_dir():
        matching = sorted(file for file in path.parent.glob(path.name) if file.is_file())
        if not matching:
            raise DataError(f"No file in {path.parent} is named like {path.name!r}. Check the pattern.")
        return table_paths(matching)
    raise DataError(f"There is no file {path}. Check the path, which is taken from {Path.cwd()}.")


def _of_folder(folder: Path) -> list[Path]:
    """List the Parquet files of a folder; names with a dot or underscore first are notes of their writers."""
    try:
        names = sorted(file for file in folder.iterdir() if not file.name.startswith((".", "_")))
    except OSError as error:
        raise DataError(f"{folder} is a folder that cannot be read ({error.strerror}).") from error
    files = [file for file in names if file.is_file() and file.name.lower().endswith(PARQUET)]
    inner = [file.name for file in names if file.is_dir()]
    if inner and (not files or any("=" in name for name in inner)):
        raise DataError(
            f"{folder} is a folder with folders in it, {examples(inner, limit=3)}, which are not looked "
            "into. Name one of them, or a list of files."
        )
    if not files:
        raise DataError(
            f"{folder} is a folder without a Parquet file in it; name a file, or a folder of Parquet files."
        )
    return files


def refuse_spreadsheet(path: Path) -> None:
    """Refuse a file of a spreadsheet program.

    Raises:
        DataError: It is one.
    """
    if path.name.lower().endswith(_SPREADSHEETS):
        raise DataError(f"{path} is a spreadsheet. Save it as CSV in your spreadsheet program.")
