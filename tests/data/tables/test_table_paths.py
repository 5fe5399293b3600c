from pathlib import Path
from typing import Any

import pytest
from tests.large_samples import sample_table, write_parts

from polytask.core import DataError
from polytask.data import read_examples, read_table
from polytask.data.tables.large_table import ParquetTable
from polytask.data.tables.table_paths import is_path, table_paths


def test_a_folder_a_pattern_and_a_list_of_parquet_files_are_one_table(tmp_path: Path) -> None:
    frame = sample_table(300)
    folder = write_parts(frame, tmp_path / "parts")
    (folder / "_SUCCESS").touch()
    whole = read_table(frame)
    for source in (folder, str(folder / "part-*.parquet"), sorted(folder.glob("*.parquet"))):
        found = read_table(source)
        assert found.equals(whole)
        assert found.attrs == whole.attrs


def test_several_files_of_text_are_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x,y\n1,2\n")
    with pytest.raises(DataError, match=r"Several files make one table.*a\.csv is none"):
        table_paths([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_a_folder_of_folders_says_that_they_are_not_looked_into(tmp_path: Path) -> None:
    (tmp_path / "year=2024").mkdir()
    with pytest.raises(DataError, match=r"'year=2024', which are not looked into"):
        table_paths(tmp_path)


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"named like 'part-\*\.parquet'"):
        table_paths(tmp_path / "part-*.parquet")


def test_a_file_with_other_columns_is_named(tmp_path: Path) -> None:
    frame = sample_table(60)
    folder = write_parts(frame, tmp_path / "parts", n_files=2)
    frame.drop(columns="size").assign(weight=1.0).to_parquet(folder / "part-1.parquet")
    with pytest.raises(DataError, match=r"part-1\.parquet lacks 'size' and has 'weight' more"):
        read_table(folder)


def test_files_may_hold_numbers_of_other_types_and_columns_in_another_order(tmp_path: Path) -> None:
    frame = sample_table(60)[["count", "size"]]
    frame.to_parquet(tmp_path / "a.parquet")
    frame.astype({"count": "int32"})[["size", "count"]].to_parquet(tmp_path / "b.parquet")
    found = read_table(tmp_path)
    assert found["count"].tolist() == 2 * frame["count"].tolist()
    assert found.columns.tolist() == ["count", "size"]


@pytest.mark.parametrize("open_files", [read_table, lambda folder: ParquetTable(sorted(folder.iterdir()))])
def test_a_file_with_values_of_another_type_is_named_with_the_column(tmp_path: Path, open_files: Any) -> None:
    frame = sample_table(60)
    folder = write_parts(frame, tmp_path / "parts", n_files=2)
    frame.assign(size=frame["size"].astype(str) + " cm").to_parquet(folder / "part-1.parquet")
    with pytest.raises(DataError, match=r"Column 'size' is \w*string in .*part-1\.parquet, but double in"):
        open_files(folder)


def test_a_list_of_numbers_is_no_path() -> None:
    assert not is_path([1, 2])
    assert not is_path([])
    assert is_path(["a.parquet"])


@pytest.mark.parametrize("name", ["Mine.XLSX", "mine.ods"])
def test_a_spreadsheet_is_refused_with_what_to_save(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    for read in (read_table, lambda path: read_examples(path, labelled=False)):
        with pytest.raises(DataError, match=r"is a spreadsheet\. Save it as CSV"):
            read(tmp_path / name)
