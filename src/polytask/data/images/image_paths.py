"""Which files of a folder are images, and what is left out of it."""

import os
import warnings
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from polytask.core import DataError, DataWarning
from polytask.core.files import user_path
from polytask.core.names import counted
from polytask.data.images.picture import printable

__all__ = ["IMAGE_ENDINGS", "FolderImages", "find_images", "image_files"]

IMAGE_ENDINGS = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".bmp", ".dib", ".gif", ".tif", ".tiff"),
    *(".webp", ".avif", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".tga"),
)
"""How the name of an image file ends, in lower case."""

# What systems, file servers and editors put beside images. Names with a dot in front are hidden anyway.
_CLUTTER = (
    *("__macosx", "__pycache__", "@eadir", "@recycle", "#recycle", "#snapshot", "@recently-snapshot"),
    *("$recycle.bin", "system volume information", "lost+found"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
)


@dataclass(slots=True)
class FolderImages:
    """What a folder holds.

    Args:
        images: The image files of each folder that has some, both in order.
        empty: Folders without an image in them or below them, with what is there instead.
        left_out: Files that are no images by their ending.
    """

    images: dict[Path, list[Path]] = field(default_factory=dict)
    empty: dict[Path, str] = field(default_factory=dict)
    left_out: list[Path] = field(default_factory=list)

    def warn(self, *, what: str, stacklevel: int = 3) -> None:
        """Name what is left out.

        Args:
            what: What an empty folder would have been, e.g. ``"class folder"``.
            stacklevel: As of `warnings.warn`, counted from here.
        """
        if notes := self.notes(what=what):
            warnings.warn("; ".join(notes) + ".", DataWarning, stacklevel=stacklevel)

    def notes(self, *, what: str, holding: str = "image") -> list[str]:
        """Return what is left out, in clauses.

        Args:
            what: What an empty folder would have been, e.g. ``"class folder"``.
            holding: What it would have held.
        """
        notes = []
        if self.empty:
            named = (f"{printable(path)} ({reason})" for path, reason in sorted(self.empty.items()))
            n_folders, verb = counted(len(self.empty), what), _is_or_are(len(self.empty))
            notes.append(f"{n_folders} without a readable {holding} {verb} left out: {_first(named)}")
        if self.left_out:
            named = map(printable, sorted(self.left_out))
            n_files, verb = counted(len(self.left_out), "file"), _is_or_are(len(self.left_out))
            notes.append(f"{n_files} {verb} left out: {_first(named)}")
        return notes


def image_files(path: str | Path, *, recursive: bool = True) -> list[Path]:
    """List the image files of a folder in a fixed order; an image file alone is a list of one.

    Linked folders are followed. Hidden files and folders, and what systems put there (``__MACOSX``,
    ``Thumbs.db`` …) are no images.

    Args:
        path: A folder or a file.
        recursive: Also look into the folders below.

    Raises:
        DataError: There is no such file or folder.

    Warns:
        DataWarning: Files or folders are left out.
    """
    root = user_path(path)
    if os.path.isfile(root):  # noqa: PTH113 - False, not an error, where a path is impossible
        return [root]
    found = find_images(root, recursive=recursive)
    found.warn(what="folder")
    return sorted(file for files in found.images.values() for file in files)


def find_images(
    root: Path, *, recursive: bool = True, endings: Collection[str] = IMAGE_ENDINGS
) -> FolderImages:
    """Look through a folder and those below it; every folder once, wherever links lead.

    Args:
        root: The folder.
        recursive: Also look into the folders below.
        endings: How the names of the wanted files end, in lower case: those of images, or of other files.

    Raises:
        DataError: There is no such folder, or it cannot be read.
    """
    if not os.path.isdir(root):  # noqa: PTH112 - as above
        if os.path.isfile(root):  # noqa: PTH113 - as above
            raise DataError(f"{printable(root)} is a file and no folder.")
        raise DataError(f"There is no file or folder {printable(root)}.")
    found = FolderImages()
    # Folders of the tree itself come before what links point to: these may point into the tree.
    above = set(map(str, Path(os.path.realpath(root)).parents))
    visited: dict[str, Path] = {}
    waiting, links = deque([root]), deque[Path]()
    while waiting or links:
        folder = waiting.popleft() if waiting else links.popleft()
        real = os.path.realpath(folder)
        if real in visited or real in above:
            found.empty[folder] = f"a link to {printable(visited.get(real, Path(real)))}"
            continue
        visited[real] = folder
        try:
            below = _look(folder, found, endings)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            if folder == root:
                raise DataError(f"The folder {printable(root)} cannot be read ({reason}).") from error
            found.empty[folder] = reason
            continue
        if recursive:
            waiting.extend(path for path in below if not path.is_symlink())
            links.extend(path for path in below if path.is_symlink())
    found.empty.pop(root, None)
    return found


def _look(folder: Path, found: FolderImages, endings: Collection[str]) -> list[Path]:
    """Sort a folder's files into what was found, and return its folders."""
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    images, folders, others = [], [], 0
    for entry in listed:
        path = folder / entry.name
        if entry.name.startswith(".") or entry.name.lower() in _CLUTTER:
            continue
        if _is_folder(entry):
            folders.append(path)
        elif path.suffix.lower() in endings:
            images.append(path)
        else:
            others += 1
            found.left_out.append(path)
    if images:
        found.images[folder] = images
    elif not folders:
        found.empty[folder] = f"{others} other files" if others else "empty"
    return folders


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _is_or_are(count: int) -> str:
    return "is" if count == 1 else "are"


def _first(names: Iterable[str], most: int = 5) -> str:
    """List the first names."""
    listed = list(names)
    return ", ".join(listed[:most]) + (" …" if len(listed) > most else "")
