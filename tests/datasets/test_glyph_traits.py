"""Letters as a table: what is told of each is true of its face."""

import numpy as np
import pytest

from polytask.core import DataError
from polytask.datasets import glyph_traits_table

pytest.importorskip("matplotlib")
TRAITS = ["bold", "slanted", "serif"]


def test_it_has_pixels_between_none_and_full_ink_and_four_targets():
    table = glyph_traits_table(200)
    pixels = table.filter(regex=r"^p\d+$")
    assert pixels.shape == (200, 144)
    assert pixels.min().min() == 0 and 0.9 < pixels.max().max() <= 1
    assert table["letter"].nunique() > 20
    assert all(set(table[name]) == {"yes", "no"} for name in TRAITS)


def test_bold_letters_have_more_ink():
    table = glyph_traits_table(1500, seed=1)
    ink = table.filter(regex=r"^p\d+$").sum(axis=1)
    assert ink[table["bold"] == "yes"].mean() > 1.15 * ink[table["bold"] == "no"].mean()


def test_faces_and_letters_are_drawn_independently():
    table = glyph_traits_table(3000, seed=2)
    shares = (table[TRAITS] == "yes").mean()
    np.testing.assert_allclose(shares, 0.5, atol=0.05)
    assert abs((table[TRAITS] == "yes").corr().to_numpy() - np.eye(3)).max() < 0.1


def test_the_seed_decides_everything():
    assert glyph_traits_table(20, seed=1).equals(glyph_traits_table(20, seed=1))
    assert not glyph_traits_table(20, seed=1).equals(glyph_traits_table(20, seed=2))


def test_no_row_is_refused():
    with pytest.raises(DataError, match="`n_rows` must be at least 1, got 0"):
        glyph_traits_table(0)
