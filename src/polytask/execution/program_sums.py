"""Whether compiled programs on disk are as they were written: torch runs what it finds there, whatever it is.

A library that was cut short when the machine went down, or the disk was full, ends the process that loads it
at once; one in which a byte has changed computes something else. So the files that a compilation left are
noted with their checksums, in the form that ``sha256sum`` reads, and those that differ are removed before
torch looks for them: it then makes them anew.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["SUMS", "note_programs", "remove_changed"]

SUMS = "programs.sha256"
"""The file of checksums, in the folder of the programs."""

_KINDS = (".so", ".py", ".cubin")
_YOUNG = 600.0  # seconds in which another process may still be writing a file, or about to note it


def remove_changed(folder: Path) -> list[Path]:
    """Remove the files of programs that are not as they were noted, and old ones that nobody has noted.

    Args:
        folder: The folder of the programs, with the file of their checksums.

    Returns:
        Those that had changed.
    """
    noted = _noted(folder)
    changed = []
    for file in _programs(folder):
        with suppress(OSError):
            known = noted.get(_name(file, folder))
            if known == _sum(file) if known else time.time() - file.stat().st_mtime < _YOUNG:
                continue
            file.unlink()
            if known:
                changed.append(file)
    return changed


def note_programs(folder: Path) -> None:
    """Note the checksums of the files of programs that have none yet, or another one.

    Args:
        folder: The folder of the programs, which were just run.
    """
    noted = _noted(folder)
    with suppress(OSError):  # what is not noted is compiled again later, and no more
        found = {_name(file, folder): _sum(file) for file in _programs(folder)}
        new = {name: known for name, known in found.items() if noted.get(name) != known}
        lines = "".join(f"{known}  {name}\n" for name, known in new.items())
        if lines:
            # In one write at the end of the file: several processes may do so at once.
            descriptor = os.open(folder / SUMS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                os.write(descriptor, lines.encode())
            finally:
                os.close(descriptor)


def _noted(folder: Path) -> dict[str, str]:
    """Read the checksums by name; the last one of a name counts, and a line that is cut short does not."""
    try:
        text = (folder / SUMS).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = [line.split("  ", 1) for line in text.split("\n")]
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2 and len(pair[0]) == 64}


def _programs(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.suffix in _KINDS and file.is_file())


def _name(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()


def _sum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
