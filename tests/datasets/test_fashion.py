"""Fashion titles, in small files of our own, and in the real ones where they are."""

import os
from pathlib import Path

import pytest

from polytask.core import DataError
from polytask.datasets import fashion_titles

needs_data = pytest.mark.skipif(
    not (Path(os.environ.get("POLYTASK_DATA") or "/nonexistent") / "fashion_styles").is_dir(),
    reason="POLYTASK_DATA names no folder with fashion_styles",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fashion_styles").mkdir()
    return tmp_path / "fashion_styles"


def test_titles_stand_beside_their_labels_and_missing_ones_are_missing(folder):
    (folder / "styles.csv").write_text(
        "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage\n"
        "1,Men,Apparel,Topwear,Shirts,NA,Fall,2011,\n"
    )
    (folder / "styles_text.csv").write_text("productDisplayName\nA shirt\n")
    table = fashion_titles(folder.parent)
    assert table.columns[0] == "title" and table["title"].tolist() == ["A shirt"]
    assert table["baseColour"].tolist() == ["NA"]
    assert table["usage"].isna().all()


def test_titles_of_other_products_are_refused(folder):
    (folder / "styles.csv").write_text(
        "gender,masterCategory,subCategory,articleType,baseColour,season,usage\n1,2,3,4,5,6,7\n"
    )
    (folder / "styles_text.csv").write_text("productDisplayName\nA shirt\nA hat\n")
    with pytest.raises(DataError, match=r"has 1 rows, and styles_text\.csv has 2"):
        fashion_titles(folder.parent)


def test_a_file_without_labels_names_what_it_lacks(folder):
    (folder / "styles.csv").write_text("id,gender\n1,Men\n")
    with pytest.raises(DataError, match="lacks the columns masterCategory"):
        fashion_titles(folder.parent)


@needs_data
def test_the_real_titles_are_as_many_as_published():
    assert fashion_titles().shape == (44_446, 8)
