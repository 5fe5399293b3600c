"""What a column holds is told by its first values."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from polytask.data import Sound
from polytask.data.examples.column_forms import cells, column_form, content_kind

Image = pytest.importorskip("PIL.Image")


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["1", " 2.5 ", "1e3", "NA", ""], "numbers"),
        ([1, 2.5, None], "numbers"),
        ([True, False], "numbers"),
        (["1", "two"], "texts"),
        (["NA", "none"], "texts"),
        ([None, "", " "], "empty"),
        (["a.png", "b/c.JPG"], "image files"),
        ([Path("a.png")], "image files"),
        (["a.wav", "b.flac"], "sound files"),
        (["a.png", "b.wav"], "texts"),
        (["one two three four five six seven.png"], "texts"),
        ([{"bytes": b"\x89PNG", "path": "x"}], "images"),
        ([b"RIFF....WAVEfmt "], "sounds"),
        ([Image.new("L", (2, 2))], "images"),
        ([Sound(np.ones(3), 8)], "sounds"),
        ([np.ones(3), torch.ones(3)], "vectors"),
        ([[1, 2], (3, 4)], "vectors"),
        ([np.ones((2, 2)), torch.ones(3, 2, 2)], "images"),
        ([np.ones((2, 2)), np.ones(3)], "other"),
        ([["a"], ["b"]], "other"),
        ([{"a": 1}], "other"),
    ],
)
def test_a_column_is_told_by_its_values(values, form):
    assert column_form(pd.Series(values, dtype=object)) == form


def test_columns_of_a_type_of_their_own_are_told():
    assert column_form(pd.Series([1, None], dtype="Int64")) == "numbers"
    assert column_form(pd.Series(["a", "b"], dtype="category")) == "texts"
    assert column_form(pd.Series(["a", None], dtype="string")) == "texts"


def test_what_is_missing_is_none():
    values = [1, None, np.nan, pd.NA, pd.NaT, "", "NA"]
    assert cells(pd.Series(values, dtype=object)) == [1, None, None, None, None, "", "NA"]


def test_what_is_no_example_has_no_kind():
    assert (
        content_kind({1}) is None and content_kind([]) is None and content_kind(np.ones((1, 1, 1, 1))) is None
    )
