"""Fashion titles are made of the official table, commas and quotes in them too."""

import pytest

from polytask.core import DataError
from polytask.datasets import fashion_titles, make

HEADER = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName\n"
LABELS = "1,Men,Apparel,Topwear,Shirts,NA,Fall,2011,"


def test_titles_keep_their_commas_and_quotes(tmp_path):
    official = tmp_path / "styles.csv"
    official.write_text(f'{HEADER}{LABELS}Casual,A shirt, white\n{LABELS},"Size 3.5"" shoe"\n{LABELS},\n')
    make("fashion_titles", official, tmp_path / "data")
    table = fashion_titles(tmp_path / "data")
    assert table["title"].tolist() == ["A shirt, white", 'Size 3.5" shoe', ""]
    assert table["baseColour"].tolist() == ["NA"] * 3 and table["usage"].isna().tolist() == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("id,gender\n1,Men\n", "has no last column productDisplayName"),
        (f"{HEADER}1,Men\n", "row 2 has 2 values, fewer than the 10"),
        ("", "has no last column"),
    ],
)
def test_another_table_is_refused(tmp_path, text, problem):
    (tmp_path / "styles.csv").write_text(text)
    with pytest.raises(DataError, match=problem):
        make("fashion_titles", tmp_path, tmp_path / "data")


def test_the_official_file_is_never_overwritten(tmp_path):
    (tmp_path / "fashion_styles").mkdir()
    (tmp_path / "fashion_styles" / "styles.csv").write_text(f"{HEADER}{LABELS},A\n")
    with pytest.raises(DataError, match="would be overwritten"):
        make("fashion_titles", tmp_path / "fashion_styles", tmp_path)
    with pytest.raises(DataError, match="There is no file"):
        make("fashion_titles", tmp_path / "none.csv", tmp_path)
