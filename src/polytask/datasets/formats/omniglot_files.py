"""The drawings of one official Omniglot set, from its zip or from the extracted folder."""

import contextlib
import io
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import numpy as np

from polytask.core import DataError, MissingPackageError

__all__ = ["Character", "Resized", "open_drawings"]

Character: TypeAlias = tuple[str, str]
"""Alphabet and character, e.g. ``("Gurmukhi", "character42")``."""

Resized: TypeAlias = Callable[[Character], np.ndarray]
"""Reads the drawings of a character: uint8 ``[drawing, size, size]``, ink 255 on 0."""


@contextlib.contextmanager
def open_drawings(folder: Path, name: str, size: int) -> Iterator[tuple[list[Character], Resized]]:
    """Open the set ``folder / name``, or ``folder / (name + ".zip")``.

    Args:
        folder: Where both official sets lie.
        name: ``"images_background"`` or ``"images_evaluation"``.
        size: Height and width of the drawings read.

    Yields:
        The characters in order, and a function that reads the drawings of one.

    Raises:
        DataError: The set is missing, damaged, or laid out in another way.
        MissingPackageError: ``pillow`` is not installed.
    """
    decode = _decoder(size)
    extracted, archive = folder / name, folder / f"{name}.zip"
    with contextlib.ExitStack() as stack:
        read: Callable[[str], bytes]
        if extracted.is_dir():
            origin, read = extracted, lambda member: (folder / member).read_bytes()
            members = [path.relative_to(folder).as_posix() for path in extracted.rglob("*.png")]
        elif archive.is_file():
            try:
                opened = stack.enter_context(zipfile.ZipFile(archive))
            except (zipfile.BadZipFile, OSError) as error:
                raise DataError(f"{archive} is no complete zip file ({error}); download it again.") from error
            origin, members, read = archive, opened.namelist(), opened.read
        else:
            raise DataError(
                f"Omniglot needs {archive.name} or the extracted folder {name} in {folder}, and neither is "
                "there. Get it from https://github.com/brendenlake/omniglot (folder python)."
            )
        by_character = _by_character(members, name)
        if not by_character:
            raise DataError(
                f"{origin} has no drawing named {name}/<alphabet>/<character>/<drawing>.png; use the "
                "official zip as it is, or extract it without renaming."
            )

        def resized(character: Character) -> np.ndarray:
            return np.stack([_read(origin, member, read, decode) for member in by_character[character]])

        yield list(by_character), resized


def _by_character(members: list[str], name: str) -> dict[Character, list[str]]:
    """Sort the drawings by character; anything else in the set is left out."""
    found: dict[Character, list[str]] = defaultdict(list)
    for member in sorted(members):
        parts = PurePosixPath(member).parts
        if len(parts) == 4 and parts[0] == name and parts[3].endswith(".png") and parts[3][0] != ".":
            found[parts[1], parts[2]].append(member)
    return dict(found)


def _read(
    origin: Path, member: str, read: Callable[[str], bytes], decode: Callable[[bytes], np.ndarray]
) -> np.ndarray:
    try:
        return decode(read(member))
    except Exception as error:
        raise DataError(f"{member} in {origin} is damaged ({error}); get the file again.") from error


def _decoder(size: int) -> Callable[[bytes], np.ndarray]:
    """Return a function from the bytes of a PNG, dark ink on white, to uint8 ``[size, size]``."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError("pillow", extra="images", purpose="reading Omniglot") from error

    def decode(content: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(content)) as picture:
            # Not `BOX`: unless the sizes divide, it is lopsided, so that turning would not commute.
            return 255 - np.asarray(picture.convert("L").resize((size, size), Image.Resampling.BILINEAR))

    return decode
