"""Fashion product titles out of the official table, in which some titles hold commas."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from polytask.core import DataError
from polytask.core.files import write_atomically

__all__ = ["make_fashion_titles"]

_TITLE = "productDisplayName"


def make_fashion_titles(source: Path, target: Path) -> list[Path]:
    """Put the titles of the official ``styles.csv`` into a file of their own.

    They are its last column, and commas in them are not quoted, so that some lines have more values than the
    header; nothing is left out.

    Args:
        source: The official file, or its folder.
        target: The folder of the dataset, where ``styles.csv`` and ``styles_text.csv`` are written.

    Returns:
        The two files.

    Raises:
        DataError: The file is missing, not UTF-8, or another table.
        InputError: A file cannot be written, or the official one would be overwritten.

    References:
        Aggarwal, "Fashion Product Images", Kaggle, 2019.
    """
    path = source / "styles.csv" if source.is_dir() else source
    if not path.is_file():
        raise DataError(f"There is no file {path}. Give the official styles.csv, or its folder.")
    if (target / "styles.csv").exists() and path.samefile(target / "styles.csv"):
        raise DataError(f"{path} would be overwritten. Move the official file out of the dataset's folder.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}). Get the official file again.") from error
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    if not rows or rows[0][-1] != _TITLE:
        raise DataError(f"{path} has no last column {_TITLE}. Get the official file again.")
    n_labels = len(rows[0]) - 1
    short = next((number for number, row in enumerate(rows, start=1) if len(row) <= n_labels), None)
    if short is not None:
        raise DataError(
            f"{path}: row {short} has {len(rows[short - 1])} values, fewer than the {n_labels + 1} of the "
            "header. Get the official file again."
        )
    _write(target / "styles.csv", [row[:n_labels] for row in rows])
    _write(target / "styles_text.csv", [[",".join(row[n_labels:])] for row in rows])
    return [target / "styles.csv", target / "styles_text.csv"]


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomically(path, lambda file: file.write(text.getvalue().encode()))
