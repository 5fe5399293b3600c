from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.large_samples import read_in_pieces, sample_table, write_parts

from polytask.core import DataError, memory_budget
from polytask.data import read_table
from polytask.data.tables.large_table import FrameTable, LargeTable, ParquetTable, open_table, table_pieces


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    read_in_pieces(monkeypatch)


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Let categories be text: pieces have each their own list of them."""
    return frame.astype({"grade": object})


@pytest.mark.parametrize("kind", ["files", "frame"])
def test_the_pieces_of_a_table_are_the_table(tmp_path: Path, kind: str) -> None:
    frame = sample_table(1000)
    table = open_table(write_parts(frame, tmp_path / "parts") if kind == "files" else frame)
    assert isinstance(table, LargeTable)
    pieces = list(table.pieces(table.names))
    assert len(pieces) > 3
    pd.testing.assert_frame_equal(as_text(pd.concat(pieces)), as_text(read_table(frame)))


@pytest.mark.parametrize("kind", ["files", "frame"])
def test_rows_are_those_of_the_whole_table_with_their_types(tmp_path: Path, kind: str) -> None:
    frame = sample_table(1000)
    table = open_table(write_parts(frame, tmp_path / "parts") if kind == "files" else frame)
    assert isinstance(table, LargeTable)
    positions = np.array([0, 3, 299, 300, 301, 600, 999])
    expected = read_table(frame.iloc[positions].reset_index(drop=True))
    found = table.rows(positions, ["grade", "size", "day"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected[["size", "grade", "day"]], check_categorical=False)
    everything = table.rows(np.arange(1000))
    assert everything.attrs == read_table(frame).attrs


def test_a_small_table_is_read_at_once(tmp_path: Path) -> None:
    frame = sample_table(200)
    found = open_table(write_parts(frame, tmp_path / "parts"))
    assert isinstance(found, pd.DataFrame)
    assert found.equals(read_table(frame))


def test_a_large_file_of_text_is_read_at_once_and_used_in_pieces(tmp_path: Path) -> None:
    frame = sample_table(700)
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = open_table(tmp_path / "t.csv")
    assert isinstance(table, FrameTable)
    found = pd.concat(table.pieces(table.names))
    pd.testing.assert_frame_equal(found, read_table(tmp_path / "t.csv"))


def test_the_index_of_a_frame_in_a_file_is_no_column(tmp_path: Path) -> None:
    frame = sample_table(600).set_index("site")
    frame.to_parquet(tmp_path / "t.parquet")
    table = open_table(tmp_path / "t.parquet")
    assert isinstance(table, ParquetTable)
    assert "site" not in table.names
    assert next(table.pieces(["size"])).columns.tolist() == ["size"]


def test_pieces_without_a_column_of_use_have_the_names_of_all() -> None:
    table = open_table(sample_table(600))
    (piece,) = table_pieces(table, ["other"])
    assert len(piece) == 0
    assert "size" in piece.columns


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_beyond_the_free_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(memory_budget, "free_bytes", lambda _: 1000)
    frame = sample_table(100)[["size", "count"]]
    path = tmp_path / f"t.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    with pytest.raises(DataError, match=r"GiB of memory to read at once, but 0\.0 GiB are free"):
        read_table(path)
