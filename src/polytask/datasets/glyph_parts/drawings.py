"""Clean drawings of characters in the font faces that ship with matplotlib."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from polytask.core import DataError, MissingPackageError
from polytask.datasets.glyph_parts.alphabets import ALPHABETS, Part
from polytask.datasets.location import package_folder

__all__ = ["CANVAS", "FACES", "Character", "characters"]

CANVAS = 64  # pixels a side
_GLYPH = 44  # pixels of a glyph's longer side
_POINTS = 96  # size of rendering, before reduction
_N_FACES = 6  # at least

_DEJAVU = ("", "-Bold", "-Oblique", "-BoldOblique")
FACES = (
    *(f"{family}{style}" for family in ("DejaVuSans", "DejaVuSansMono") for style in _DEJAVU),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """A character, drawn in every face that has it.

    Args:
        text: The character itself.
        script: Its script.
        faces: uint8 ``[face, CANVAS, CANVAS]``, ink 255 on 0; centred, the longer side
            always of the same length.
    """

    text: str
    script: str
    faces: Tensor


@lru_cache(maxsize=3)
def characters(part: Part) -> tuple[Character, ...]:
    """Draw the characters of a part; once per process.

    Raises:
        DataError: The installed fonts lack a character in too many faces.
        MissingPackageError: ``matplotlib`` (with ``fonttools``) or ``pillow`` is not installed.
    """
    faces = [_open(path) for path in _font_files()]
    drawn, lacking = [], []
    for script, text in ALPHABETS[part].items():
        for character in text:
            images = list(_images(character, faces))
            if len(images) < _N_FACES:
                lacking.append(f"{character!r} ({len(images)})")
            else:
                stacked = torch.from_numpy(np.stack(images))  # [face, CANVAS, CANVAS]
                drawn.append(Character(text=character, script=script, faces=stacked))
    if lacking:
        raise DataError(
            f"The fonts of the installed matplotlib have fewer than {_N_FACES} faces of "
            f"{', '.join(lacking)}. Install an unmodified matplotlib, for example from PyPI."
        )
    return tuple(drawn)


def _font_files() -> list[Path]:
    package = package_folder("matplotlib", extra="builtin", purpose="the glyph images (its fonts)")
    folder = package / "mpl-data" / "fonts" / "ttf"
    files = [folder / f"{name}.ttf" for name in FACES]
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise DataError(
            f"The installed matplotlib has no {', '.join(missing)} in {folder}. Install an unmodified "
            "matplotlib, for example from PyPI."
        )
    return files


def _open(path: Path) -> tuple[Any, frozenset[int]]:
    """Open a font: Pillow's font, and the code points that it really has."""
    try:
        from fontTools.ttLib import TTFont
        from PIL import ImageFont
    except ImportError as error:
        package = (error.name or "pillow").partition(".")[0].replace("PIL", "pillow").lower()
        raise MissingPackageError(package, extra="builtin", purpose="the glyph images") from error
    # The basic layout, as the result must not depend on whether Pillow was built with Raqm.
    font = ImageFont.truetype(path, _POINTS, layout_engine=ImageFont.Layout.BASIC)
    with TTFont(path, lazy=True) as tables:
        return font, frozenset(tables.getBestCmap() or ())


def _images(character: str, faces: list[tuple[Any, frozenset[int]]]) -> Iterator[np.ndarray]:
    """Yield the drawings of a character, uint8 ``[CANVAS, CANVAS]``, in the faces that have it."""
    from PIL import Image

    for font, code_points in faces:
        if ord(character) not in code_points:
            continue
        mask = font.getmask(character, mode="L")
        if 0 in mask.size:
            continue
        glyph = Image.frombytes("L", mask.size, bytes(mask))
        box = glyph.getbbox()  # of the ink
        if box is None:
            continue
        glyph = glyph.crop(box)
        scale = _GLYPH / max(glyph.size)
        width, height = (max(1, round(side * scale)) for side in glyph.size)
        canvas = Image.new("L", (CANVAS, CANVAS))
        corner = (CANVAS - width) // 2, (CANVAS - height) // 2
        canvas.paste(glyph.resize((width, height), Image.Resampling.BOX), corner)
        yield np.asarray(canvas)
