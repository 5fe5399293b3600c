import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polytask.core import DataError, InputError
from polytask.data.tables import table_file
from polytask.data.tables.table import read_table


def _packed(folder: Path, text: bytes) -> Path:
    path = folder / "t.csv.gz"
    path.write_bytes(gzip.compress(text))
    return path


def _refuse_to_parse(*_: object) -> None:
    pytest.fail("the file was parsed before its size was checked")


@pytest.mark.parametrize("row", [b"0,0\n", b"0" * 3_000_000 + b",0\n"])
def test_a_small_file_that_expands_far_is_refused_before_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: bytes
) -> None:
    monkeypatch.setattr(table_file, "_SMALLEST_LIMIT", 2**20)
    monkeypatch.setattr(table_file, "read_lines", _refuse_to_parse)
    path = _packed(tmp_path, b"a,b\n" + row * (2_000_000 // len(row) + 1))
    with pytest.raises(DataError, match=r"t\.csv\.gz takes .* expands .*POLYTASK_MAX_EXPANDED_MB"):
        read_table(path)


def test_the_limit_of_expansion_can_be_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "_SMALLEST_LIMIT", 2**10)
    path = _packed(tmp_path, b"a,b\n" + b"0,0\n" * 5000)
    with pytest.raises(DataError, match="expands"):
        read_table(path)
    monkeypatch.setenv("POLYTASK_MAX_EXPANDED_MB", "1")
    assert len(read_table(path)) == 5000


def test_a_limit_that_is_no_number_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYTASK_MAX_EXPANDED_MB", "much")
    with pytest.raises(
        InputError, match="POLYTASK_MAX_EXPANDED_MB must be a whole number of MiB, got 'much'"
    ):
        read_table(_packed(tmp_path, b"a\n1\n"))


def test_a_line_that_never_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "_LONGEST_LINE", 2**20)
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + b"1" * 3 * 2**20)
    with pytest.raises(DataError, match="line 2, is longer than 1 MiB"):
        read_table(path)


def test_a_parquet_file_that_expands_far_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(table_file, "_SMALLEST_LIMIT", 2**10)
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": np.zeros(300_000, dtype=np.int64)}).to_parquet(path)
    with pytest.raises(DataError, match=r"t\.parquet takes .* expands"):
        read_table(path)


def test_a_byte_that_is_no_text_far_into_the_file_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 400_000 + b"\xe9,2\n")
    with pytest.raises(DataError, match="line 400002: byte 0xe9 is not UTF-8"):
        read_table(path)


def test_a_character_across_two_pieces_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "_MIB", 5)  # the piece that is read at a time
    path = tmp_path / "t.csv"
    path.write_bytes("a,b\nää,€€\n".encode())
    assert read_table(path)["b"].tolist() == ["€€"]


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match=r"is no path|There is no file"):
        read_table("a\0b.csv")
    with pytest.raises(DataError, match=r"is no path|There is no file"):
        read_table("a" * 5000 + ".csv")
