"""The folder of a saved model: which of its files are ours, and who may write there."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from polytask.core import BundleError, InputError
from polytask.core.files import is_temporary, rehearse_write, sweep, user_path
from polytask.core.strict_json import format_json, parse_json
from polytask.models.bundle_pages import PAGES, is_ours

try:
    import fcntl
except ImportError:  # Windows, where two savings into one folder are not kept apart
    fcntl = None

__all__ = [
    "DESCRIPTION",
    "FORMAT",
    "check_destination",
    "checksum",
    "locked",
    "model_named",
    "named_file",
    "open_plain",
    "original_name",
    "own_checksum",
    "stored_name",
    "sweep_folder",
]

FORMAT = "polytask-model"
DESCRIPTION = "model.json"
_STORED = re.compile(r"([a-z]+)-([0-9a-f]{16})\.(json|safetensors|toml)")
_FIRST_SCHEMA = {"weights.safetensors", "results.json"}
_FIRST_SCHEMA_PARTS = {"library": str, "kind": str, "data": dict, "config": dict, "checksums": dict}
_KINDS = {
    "table": "a model of a table (made by `polytask.fit`)",
    "task-table": "a model of a table with tasks (made by `polytask.fit` or `learn` with `task_column`)",
    "learned-features": "features learned from known classes (made by `polytask.learn`)",
    "in-context": "a network that reads the rows of a task (made by `polytask.learn`)",
    "few-shot": "a few-shot model (made by `polytask.learn`)",
    "few-shot-adapted": "an adapted few-shot model (made by `FewShotModel.adapt`)",
    "few-shot-classifier": "a classifier of few examples (made by `polytask.adapt`)",
}
_MOST_NAMED = 5


def model_named(kind: str) -> str:
    """Say what a kind of model is, and what makes it."""
    return _KINDS.get(kind, f"a model of kind {kind!r}")


def stored_name(name: str, content_checksum: str) -> str:
    """Return the name under which a file is kept, which tells its content.

    Raises:
        InputError: The name is not of lower-case letters and ``.json``, ``.toml`` or ``.safetensors``.

    Example:
        >>> stored_name("results.json", 64 * "a")
        'results-aaaaaaaaaaaaaaaa.json'
    """
    stem, _, suffix = name.rpartition(".")
    stored = f"{stem}-{content_checksum[:16]}.{suffix}"
    if original_name(stored, content_checksum) != name:
        raise InputError(f"A model cannot keep a file {name!r}; its name needs the form `letters.json`.")
    return stored


def original_name(stored: str, content_checksum: str) -> str | None:
    """Return the name of a stored file without its checksum; None if it is no such name."""
    parts = _STORED.fullmatch(stored)
    if parts is None or parts[2] != content_checksum[:16]:
        return None
    return f"{parts[1]}.{parts[3]}"


def named_file(folder: Path, name: str) -> Path | None:
    """Return where a model keeps a file that its saving was given; None if it has none of this name.

    Raises:
        BundleError: The file is missing, or was changed.
    """
    files = (_description(folder) or {}).get("files")
    for stored, expected in files.items() if isinstance(files, dict) else ():
        if isinstance(expected, str) and original_name(stored, expected) == name:
            path = folder / stored
            if not path.is_file() or checksum(path) != expected:
                raise BundleError(f"{path} is missing or was changed. Copy or train the model again.")
            return path
    return None


def own_checksum(description: Mapping[str, Any]) -> str:
    """Hash a description, without the checksum in it, however its text is laid out."""
    content = {key: description[key] for key in sorted(description) if key != "checksum"}
    return hashlib.sha256(format_json(content, indent=None).encode()).hexdigest()


def checksum(path: Path) -> str:
    """Hash a file, piece by piece."""
    digest = hashlib.sha256()
    with os.fdopen(open_plain(path), "rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


def open_plain(path: Path) -> int:
    """Open a file for reading; a device or a pipe, which might never end, is refused.

    Raises:
        OSError: It is no file, or cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is no plain file", str(path))
    return descriptor


def check_destination(
    directory: str | Path, *, resume: str | Path | None = None, kind: str | None = None
) -> Path:
    """Return the path if a model can be written there; ask before a long training, not after it.

    It is really tried, and what a killed saving left there is removed.

    Args:
        directory: Where the model shall be.
        resume: The resume folder of the training, if there is one; it cannot be in the model's.
        kind: The kind of model that shall be there; None for any.

    Raises:
        BundleError: Something that is no model stands there, a model of another kind, or one with files of
            somebody else.
        InputError: The system does not let it be written.
    """
    target = user_path(directory)
    try:
        target = Path(os.path.realpath(target))
        strangers = _strangers(target) if target.is_dir() else []
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise BundleError(
            f"{str(directory)!r} cannot be used: {reason}. Choose another directory."
        ) from error
    if target.exists() and not target.is_dir():
        raise BundleError(
            f"{target} is a file and no polytask model. Choose another directory, or delete it."
        )
    _check_kind(target, kind)
    if strangers:
        more = f" and {len(strangers) - _MOST_NAMED} more" if len(strangers) > _MOST_NAMED else ""
        changed = ", or was changed since it was saved" if DESCRIPTION in strangers else ""
        raise BundleError(
            f"{target} is no polytask model{changed}, or not only one: it holds "
            f"{', '.join(strangers[:_MOST_NAMED])}{more}, which would be lost or mixed up. Choose "
            f"another directory, or move them away."
        )
    if resume is not None and _holds(target, resume):
        raise BundleError(
            f"The resume folder {resume} is in the model directory {directory}, in which nothing but the "
            "model may be. Choose another one."
        )
    rehearse_write(target / DESCRIPTION)
    if target.is_dir():
        with locked(target, wait=False) as free:
            if free:
                sweep_folder(target)
    return target


def _check_kind(target: Path, kind: str | None) -> None:
    """Refuse to replace a model by one that does something else."""
    present = (_description(target) or {}).get("kind")
    if kind is not None and isinstance(present, str) and present != kind:
        raise BundleError(
            f"{target} holds {model_named(present)}, which would be lost: what is to be written is "
            f"{model_named(kind)}. Choose another directory, or delete that one."
        )


@contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Keep other savings out of a folder inside the block; yields False if another one is under way.

    Args:
        folder: It exists.
        wait: Whether to wait for the other.
    """
    if fcntl is None:
        yield True
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # a folder that may be written, but not read
        yield True
        return
    try:
        free = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            free = False
        except OSError:  # a file system without locks
            pass
        yield free
    finally:
        os.close(descriptor)


def sweep_folder(folder: Path, *, pages: bool = False) -> None:
    """Remove what a model's description does not name; everything in the folder is known to be ours.

    Args:
        folder: The folder.
        pages: Whether its pages go, too: they are those of an earlier model.
    """
    sweep(folder)
    description = _description(folder)
    if description is None and (folder / DESCRIPTION).exists():
        return
    named = {DESCRIPTION, *_named(description or {}), *(() if pages else PAGES)}
    for entry in list(folder.iterdir()):
        if entry.name not in named and not is_temporary(entry.name):
            with suppress(OSError):
                entry.unlink()


def _holds(folder: Path, path: str | Path) -> bool:
    """Tell whether a path is a folder or lies in it."""
    try:
        place = Path(os.path.realpath(user_path(path)))
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{str(path)!r} is no path: {error}. Choose another one.") from error
    return folder in (place, *place.parents)


def _strangers(folder: Path) -> list[str]:
    """List what is in a folder and not ours."""
    description = _description(folder)
    named = _named(description or {})
    if description is not None:
        named.add(DESCRIPTION)
    return sorted(entry.name for entry in folder.iterdir() if not _ours(entry, named))


def _ours(entry: Path, named: set[str]) -> bool:
    try:
        if not stat.S_ISREG(entry.lstat().st_mode):
            return False
        if entry.name in named or is_temporary(entry.name) or is_ours(entry):
            return True
        stored = _STORED.fullmatch(entry.name)  # a killed saving leaves files that nothing names yet
        return stored is not None and checksum(entry).startswith(stored[2])
    except FileNotFoundError:  # another saving removed what it had replaced
        return True


def _description(folder: Path) -> Mapping[str, Any] | None:
    """Return what describes a model of ours, of any version; None if nothing does, or it was changed."""
    try:
        with os.fdopen(open_plain(folder / DESCRIPTION), "rb") as file:
            description = parse_json(file.read())
    except (OSError, InputError):
        return None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        return None
    if description.get("schema") == 1:  # which had no checksum of its own
        parts = _FIRST_SCHEMA_PARTS.items()
        ours = all(isinstance(description.get(key), form) for key, form in parts)
    else:
        try:
            ours = description.get("checksum") == own_checksum(description)
        except InputError:  # it holds what we cannot write
            return None
    return description if ours else None


def _named(description: Mapping[str, Any]) -> set[str]:
    """Return the files that a description names, and may name."""
    if description.get("schema") == 1:
        return set(_FIRST_SCHEMA)
    files = description.get("files")
    return {name for name in files if _STORED.fullmatch(name)} if isinstance(files, dict) else set()
