"""Census-Income, in small files of our own, and in the real ones where they are."""

import gzip
import os
from pathlib import Path

import pytest

from polytask.core import DataError
from polytask.datasets import census_income

needs_data = pytest.mark.skipif(
    not (Path(os.environ.get("POLYTASK_DATA") or "/nonexistent") / "census_income_kdd").is_dir(),
    reason="POLYTASK_DATA names no folder with census_income_kdd",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "census_income_kdd").mkdir()
    return tmp_path / "census_income_kdd"


PERSON = ["38", *["x"] * 6, "Never married", *["?"] * 33, "- 50000."]


@pytest.mark.parametrize("packed", [True, False])
def test_income_and_marriage_are_read_from_the_census(folder, packed):
    other = [*PERSON[:7], "Widowed", *PERSON[8:-1], "50000+."]
    text = "\n".join(", ".join(row) for row in (PERSON, other)) + "\n"
    if packed:
        (folder / "census-income.test.gz").write_bytes(gzip.compress(text.encode()))
    else:
        (folder / "census-income.test").write_text(text)
    table = census_income(folder.parent)
    assert table["income above 50k"].tolist() == [0, 1]
    assert table["never married"].tolist() == [1, 0]
    assert table["age"].tolist() == [38, 38]
    assert table["country of birth"].isna().all()


def test_a_row_of_another_width_is_not_taken_for_the_census(folder):
    (folder / "census-income.test").write_text("1, 2, 3\n")
    with pytest.raises(DataError, match=r"rows of \[3\] values, but each should have 42"):
        census_income(folder.parent)


def test_a_missing_census_is_named(folder):
    with pytest.raises(DataError, match=r"census-income\.test is missing"):
        census_income(folder.parent)


@needs_data
def test_six_of_a_hundred_people_of_the_real_census_earned_more_than_50k():
    table = census_income()
    assert table.shape == (99_762, 43)
    assert table["income above 50k"].mean() == pytest.approx(0.062, abs=0.001)
