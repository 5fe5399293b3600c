"""Tables that clients upload to be fitted: files under names that the service chooses, for a stated time."""

import json
import re
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from polytask.core.files import write_atomically, write_folder_atomically
from polytask.serve.bodies import Part
from polytask.serve.columns import guessed_columns
from polytask.serve.failures import Refused
from polytask.serve.rows import check_size, checked_file, read_file
from polytask.serve.settings import Limits

__all__ = ["Uploads", "checked_id", "sweep_folder"]

_ID = re.compile(r"[0-9a-f]{16}")
_MOST_ROWS = 1_000_000
_ABOUT = "about.json"


class Uploads:
    """The tables of a service.

    Args:
        folder: Where they lie; all workers share it.
        limits: How large and how many they may be.
        scratch: For files that are removed again, in the same file system.
    """

    def __init__(self, folder: Path, limits: Limits, scratch: Path) -> None:
        self._folder, self._limits, self._scratch = folder, limits, scratch
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, part: Part) -> dict[str, Any]:
        """Keep a table, and tell what its columns may be.

        Raises:
            Refused: It is no table, or too large; or too many are kept.
        """
        with checked_file(part, self._limits, self._scratch, most_rows=_MOST_ROWS) as checked:
            return self._add(checked.name, lambda file: checked.rename(file))

    def add_dataset(self, name: str) -> dict[str, Any]:
        """Keep a table that comes with a package.

        Raises:
            Refused: There is none of this name; or too many are kept.
            MissingPackageError: The package is not installed.
        """
        if name != "penguins":
            raise Refused(
                422,
                f"There is no table {name[:80]!r}.",
                where="dataset",
                remedy="Ask for 'penguins', or send a file.",
            )
        from polytask.datasets import penguins_table

        frame = penguins_table()
        return self._add("table.csv", lambda file: frame.to_csv(file, index=False))

    def path(self, table: str) -> Path:
        """Return the file of a table.

        Raises:
            Refused: There is none.
        """
        folder = self._folder / checked_id(table, "table")
        found = [entry for entry in folder.iterdir() if entry.stem == "table"] if folder.is_dir() else []
        if not found:
            raise Refused(
                404, "There is no such table.", where="table",
                remedy=f"Send it again: tables are kept for {self._limits.keep:g} minutes.",
            )  # fmt: skip
        return found[0]

    def about(self, table: str) -> dict[str, Any]:
        """Return what was told of a table.

        Raises:
            Refused: There is none.
        """
        return json.loads(self.path(table).with_name(_ABOUT).read_bytes())

    def delete(self, table: str) -> None:
        """Forget a table; one that is not there is none any more."""
        shutil.rmtree(self._folder / checked_id(table, "table"), ignore_errors=True)

    def _add(self, file: str, write: Callable[[Path], object]) -> dict[str, Any]:
        sweep_folder(self._folder, 60 * self._limits.keep)
        if len(list(self._folder.iterdir())) >= self._limits.tables:
            raise Refused(
                503,
                f"The service keeps {self._limits.tables} tables, and takes no more for now.",
                remedy=f"Delete one, or ask again later: they go after {self._limits.keep:g} minutes.",
                retry_after=60,
            )
        name = secrets.token_hex(8)
        told: dict[str, Any] = {}

        def fill(folder: Path) -> None:
            write(folder / file)
            told.update(_looked_at(folder / file, name, self._limits))
            text = json.dumps(told)
            write_atomically(folder / _ABOUT, lambda opened: opened.write(text.encode()))

        write_folder_atomically(self._folder / name, fill)
        return told


def checked_id(text: str, where: str) -> str:
    """Return an identifier that the service gave.

    Raises:
        Refused: It gave no such one.
    """
    if _ID.fullmatch(text) is None:
        raise Refused(404, f"There is no such {where}.", where=where, remedy="Use what the service answered.")
    return text


def sweep_folder(folder: Path, seconds: float, *, spare: Callable[[Path], bool] = lambda _: False) -> None:
    """Remove what is older than some seconds, but for what is to be spared."""
    for entry in folder.iterdir():
        with suppress(OSError):
            if time.time() - entry.stat().st_mtime > seconds and not spare(entry):
                shutil.rmtree(entry, ignore_errors=True)


def _looked_at(file: Path, name: str, limits: Limits) -> dict[str, Any]:
    frame = read_file(file)
    check_size(frame, limits, most_rows=_MOST_ROWS)
    columns = guessed_columns(frame)
    return {"table": name, "rows": len(frame), "columns": columns}
