"""A file comes in parts of whole lines, by whatever way it is read."""

import gzip
from pathlib import Path

import pytest

from polytask.data.tables import plain_file
from polytask.data.tables.header import Header
from polytask.data.tables.plain_file import PlainFile, threads


def _parts(folder: Path, text: bytes, *, packed: bool) -> list[bytes]:
    path = folder / "t.csv"
    path.write_bytes(b"a,b\n" + text)
    packed_path = folder / "t.csv.gz"
    packed_path.write_bytes(gzip.compress(b"a,b\n" + text))
    file = PlainFile(
        header=Header(delimiter=",", names=("a", "b"), n_lines=1),
        start=4,
        open=(lambda: gzip.GzipFile(packed_path)) if packed else (lambda: path.open("rb")),  # pyright: ignore[reportArgumentType]
        path=None if packed else path,
    )
    with threads() as pool:
        return list(file.each_part(bytes, pool))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("size", [17, 40, 2**21])
@pytest.mark.parametrize(
    ("end", "last"),
    [(b"\n", b""), (b"\n", b"\n"), (b"\n", b"\n\n\n"), (b"\r\n", b""), (b"\r\n", b"\r\n\r\n")],
)
def test_parts_are_whole_lines_after_a_line_feed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: bytes, end: bytes, size: int, packed: bool
) -> None:
    monkeypatch.setattr(plain_file, "_PART", size)
    lines = [b"%d,%d" % (index, 11 * index) for index in range(30)]
    parts = _parts(tmp_path, end.join(lines) + last, packed=packed)
    assert all(part[:1] == b"\n" and part[-1:] == b"\n" for part in parts)
    read = b"".join(part[1:] for part in parts).replace(b"\r\n", b"\n")
    assert read.split() == lines and read.count(b"\n") == len(lines)
    assert (len(parts) > 3) == (size < 100)


def test_rows_of_the_beginning_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n1,2\n3, 4\n5,6\n")
    header = Header(delimiter=",", names=("a", "b"), n_lines=1)
    file = PlainFile(header=header, start=4, open=lambda: path.open("rb"), path=path)  # pyright: ignore[reportArgumentType]
    assert file.head() == (b"1,2\n3, 4\n5,6\n", [["1", "2"], ["3", "4"], ["5", "6"]])
    monkeypatch.setattr(plain_file, "_HEAD", 10)
    assert file.head()[1] == [["1", "2"]]  # the last ones may have been cut off
    path.write_bytes(b"a,b\n1,2,3\n4,5\n")
    assert file.head()[1] == []
