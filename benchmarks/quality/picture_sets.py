"""Pictures in classes that other packages happen to carry: of what all pictures have in common is learned.

They come from packages of Debian (12, unpacked), none of which is among those of `unseen_sets.py`::

    mkdir pictures && cd pictures
    apt-get download pysiogame gcompris-qt-data sweethome3d-furniture wesnoth-1.16-data gnome-icon-theme
    for file in *.deb; do dpkg-deb -x "$file" .; done
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from PIL import Image
from unseen_sets import ByClass, kept  # beside this file

from polytask.core import DataError
from polytask.data.examples.reading import read_examples

__all__ = ["PICTURES"]

_WESNOTH = "usr/share/games/wesnoth/1.16/data/core/images"
_LEAST = 8  # pictures of a class
_MOVES = re.compile(r"-(attack|bow|die|death|defend|idle|sword|melee|ranged|magic|move|run|leading|heal)")


def words(folder: Path) -> ByClass:
    """Photos and drawings of things that have a word, for children, by topic."""
    return _files(folder / "usr/share/games/pysiogame/res/images/art4apps", lambda path: path.parts[0])


def photos(folder: Path) -> ByClass:
    """Photos of fishes, windmills, hammers, monuments and the like."""
    found: ByClass = {}
    for name, content in _resources(folder / "usr/share/gcompris-qt/rcc/categorization.rcc"):
        if name.endswith(".webp") and "/images/" in name:
            kind, one = name.split("/images/")[1].split("/", 1)
            stem = kind if kind in ("fishes", "monuments") else re.sub(r"\d*\.webp$", "", one)
            found.setdefault(stem, []).append(content)
    return _read(found, least=5)


def furniture(folder: Path) -> ByClass:
    """Furniture drawn by computer, by the room that it stands in."""
    found: ByClass = {}
    for file in sorted((folder / "usr/share/sweethome3d/furniture").glob("*.sh3f")):
        with zipfile.ZipFile(file) as held:
            told = held.read("PluginFurnitureCatalog.properties").decode("latin-1")
            room = dict(re.findall(r"^category#(\d+)=(.*?)\s*$", told, flags=re.M))
            for number, path in re.findall(r"^icon#(\d+)=/?(.*?)\s*$", told, flags=re.M):
                if number in room and path in held.namelist():
                    found.setdefault(room[number], []).append(held.read(path))
    return _read(found, least=_LEAST)


def peoples(folder: Path) -> ByClass:
    """Figures of a game, one picture each, by the people that they belong to."""

    def people(path: Path) -> str:
        return "" if _MOVES.search(path.stem) or path.stem[-1].isdigit() else path.parts[0]

    return _files(folder / _WESNOTH / "units", people)


def weapons(folder: Path) -> ByClass:
    """Pictures of weapons and claws by their kind."""
    return _files(folder / _WESNOTH / "attacks", lambda path: path.stem.split("-")[0], least=5)


def signs(folder: Path) -> ByClass:
    """Icons of Gnome by what they are for."""
    return _files(folder / "usr/share/icons/gnome/48x48", lambda path: path.parts[0])


PICTURES: Mapping[str, Callable[[Path], ByClass]] = {
    "words": words,
    "photos": photos,
    "furniture": furniture,
    "peoples": peoples,
    "weapons": weapons,
    "signs": signs,
}
"""Loaders by name; each takes the folder with the packages."""


def _files(folder: Path, class_of: Callable[[Path], str], *, least: int = _LEAST) -> ByClass:
    """Read PNG and JPEG files below a folder; a class "" leaves one out."""
    found: ByClass = {}
    for file in sorted([*folder.rglob("*.png"), *folder.rglob("*.jpg")]):
        name = class_of(file.relative_to(folder))
        if name and not file.is_symlink():
            found.setdefault(name, []).append(file.read_bytes())
    return _read(found, least=least)


def _read(found: ByClass, *, least: int) -> ByClass:
    """Decode the files of classes that have enough, each content once; what is no picture is left out."""
    different = {name: list(dict.fromkeys(own)) for name, own in found.items()}
    pictures: ByClass = {}
    for name, own in kept(different, least=least).items():
        for content in own:
            try:
                (item,) = read_examples([Image.open(io.BytesIO(content))], labelled=False).items
            except (DataError, OSError):
                continue
            pictures.setdefault(name, []).append(item)
    return {name: own for name, own in pictures.items() if len(own) >= least}


def _resources(file: Path) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of what a resource file of Qt holds, where it is not compressed by Zstandard."""
    raw = file.read_bytes()
    version, tree, data, names = struct.unpack(">IIII", raw[4:20])
    size = 22 if version >= 2 else 14  # of a node

    def below(node: int, prefix: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
        start = tree + node * size
        name, flags, first, second = struct.unpack(">IHII", raw[start : start + 14])
        if node:
            (length,) = struct.unpack(">H", raw[names + name : names + name + 2])
            letters = raw[names + name + 6 : names + name + 6 + 2 * length]
            prefix = (*prefix, letters.decode("utf-16-be"))
        if flags & 2:  # a folder: how many, and where they start
            for index in range(first):
                yield from below(second + index, prefix)
            return
        (length,) = struct.unpack(">I", raw[data + second : data + second + 4])
        content = raw[data + second + 4 : data + second + 4 + length]
        if not flags & 4:
            yield "/".join(prefix), zlib.decompress(content[4:]) if flags & 1 else content

    return below(0, ())
