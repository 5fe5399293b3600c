"""Letters in many fonts as a table: which letter it is, and what its font looks like."""

import numpy as np
import pandas as pd
import torch

from polytask.core import DataError
from polytask.core.random import numpy_generator
from polytask.datasets.glyph_images import deformed
from polytask.datasets.glyph_parts.drawings import FACES, characters

__all__ = ["glyph_traits_table"]

_LETTERS = "ABDEGHKMNPQRTabdefghkmnqrt"
_SIZE = 12


def glyph_traits_table(n_rows: int = 1000, *, seed: int = 0) -> pd.DataFrame:
    """Draw letters in sixteen faces, mildly deformed, with four things that can be told of each.

    The traits have little in common: a stroke's thickness says nothing of the letter, and the same pixels
    have to answer all four.

    Args:
        n_rows: Drawings.
        seed: Decides letters, faces and deformations.

    Returns:
        Columns ``p0`` ... ``p143``, the ink of 12 x 12 pixels (0 to 1), and ``letter`` (text), ``bold``,
        ``slanted`` and ``serif`` (``yes`` or ``no``).

    Raises:
        DataError: There is no row, or the installed fonts are not as expected.
        MissingPackageError: ``matplotlib``, whose fonts are used, or ``pillow`` is not installed.

    Example:
        >>> glyph_traits_table(50).shape
        (50, 148)
    """
    if n_rows < 1:
        raise DataError(f"glyph_traits_table: `n_rows` must be at least 1, got {n_rows}.")
    drawn = {one.text: one for one in characters("train") if one.text in _LETTERS}
    complete = [text for text in sorted(drawn) if len(drawn[text].faces) == len(FACES)]
    draw = numpy_generator(seed, "glyph traits")
    letters = draw.integers(len(complete), size=n_rows)
    faces = draw.integers(len(FACES), size=n_rows)
    canvases = torch.stack(
        [drawn[complete[letter]].faces[face] for letter, face in zip(letters, faces, strict=True)]
    )
    images = deformed(canvases, torch.from_numpy(draw.uniform(-1, 1, (n_rows, 7))).float(), _SIZE)
    pixels = images.flatten(1).numpy().astype(float) / 255
    table = pd.DataFrame(pixels, columns=[f"p{index}" for index in range(pixels.shape[1])])
    names = np.asarray(FACES)[faces]
    table["letter"] = np.asarray(complete, dtype=object)[letters]
    traits = {
        "bold": [any(sign in name for sign in ("Bold", "Bol", "BolIta")) for name in names],
        "slanted": [any(sign in name for sign in ("Oblique", "Ita")) for name in names],
        "serif": [any(sign in name for sign in ("Serif", "STIX")) for name in names],
    }
    for name, values in traits.items():
        table[name] = np.where(values, "yes", "no").astype(object)
    return table
