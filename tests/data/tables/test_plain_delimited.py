"""The faster way to read a file gives the same table, to the last digit and note, as the careful one."""

import gzip
import random
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.io.parsers import readers
from pandas.testing import assert_frame_equal
from tests.data.tables.hostile_files import hostile_file

from polytask.core import InputError
from polytask.data.tables import (
    plain_bytes,
    plain_delimited,
    plain_file,
    plain_missing,
    plain_parse,
    plain_scan,
    table_file,
)
from polytask.data.tables.delimited import read_delimited
from polytask.data.tables.table import clean_frame, read_table
from polytask.data.tables.typed_columns import MISSING_WORDS

_NEVER = 10**12
_CELLS = [
    *("", "1", "2", "2.5", "-1e3", "inf", "NA", "?", "yes", "true", "TRUE", "False", "2024-03-31", "12:30"),
    *("007", "-01", "+5", "1.10", "-0", "-0.0", "00", "0.50", "1E5", "1d5", "1_000", "0x10", ".5", "5."),
    *("9007199254740993", "18446744073709551615", "99999999999999999999", "nan", "NAN", "Infinity", "1e400"),
    *("a b", "é", "\u00a0x", "x\u2003", "1 ", " 1", "a\tb", '"q"', '"a,b"', 'q"q', '"x\ny"', "#c", "\ufeff"),
]


@st.composite
def _files(draw: st.DrawFn) -> bytes:
    delimiter, end = draw(st.sampled_from(",;\t|")), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    pools = draw(st.lists(st.lists(st.sampled_from(_CELLS), min_size=1, max_size=3), min_size=1, max_size=4))
    names = [
        draw(st.sampled_from([f"c{index}", f'"c {index}"', f" c{index}"])) for index in range(len(pools))
    ]
    if draw(st.integers(0, 9)) == 0:
        names[0] = ""
    rows = draw(st.lists(st.tuples(*map(st.sampled_from, pools)), max_size=8))
    lines = [delimiter.join(names), *map(delimiter.join, rows)]
    if draw(st.integers(0, 4)) == 0:
        odd = draw(st.sampled_from(["", " ", "1", delimiter, delimiter.join("12345"), f"sep={delimiter}"]))
        lines.insert(draw(st.integers(0, len(lines))), odd)
    mark = draw(st.sampled_from(["", "", "\ufeff"]))
    return (mark + end.join(lines) + draw(st.sampled_from(["", end, end + end, " "]))).encode()


def _both_ways(path: Path) -> tuple[pd.DataFrame | str, pd.DataFrame | str]:
    found: list[pd.DataFrame | str] = []
    with pytest.MonkeyPatch.context() as patch:
        for large in (_NEVER, 0):
            patch.setattr(table_file, "_LARGE", large)
            try:
                found.append(read_table(path))
            except InputError as error:
                found.append(str(error))
    return found[0], found[1]


def _assert_same(content: bytes, name: str = "t.csv") -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        careful, plain = _both_ways(path)
    if isinstance(careful, str) or isinstance(plain, str):
        assert careful is plain or careful == plain
    else:
        assert_frame_equal(careful, plain, check_exact=True)
        assert careful.attrs == plain.attrs


@settings(max_examples=120, deadline=None)
@given(_files())
def test_any_file_is_the_same_table_by_both_ways(content: bytes) -> None:
    _assert_same(content)


_ROWS = {
    "a short and a long row": "a,b,c\n1,2\n1,2,3,4\n",
    "a long and a short row": "a,b,c\n1,2,3,4\n1,2\n",
    "a long first row without a last value": "a,b\n1,2,\n3,4\n",
    "all rows too long": "a,b\n1,2,3\n4,5,6\n",
    "blank lines": "a,b\n\n1,NA\n\n\n3,\n\n",
    "a code among many numbers": "a,b\n" + "".join(f"{i}.5,{i}\n" for i in range(1500)) + "007,1\n",
    "a signed code": "a,b\n" + "".join(f"{i},{i}\n" for i in range(1500)) + "-01,1\n",
    "a plus": "a,b\n" + "".join(f"{i % 9},{i}\n" for i in range(50)) + "+5,1\n",
    "prices": "a,b\n" + "".join(f"{i % 9}.50,{i}\n" for i in range(50)),
    "whole numbers beyond a float, some missing": "a,b\n9007199254740993,1\n,2\n9007199254740995,3\n",
    "an empty value after a blank line": "a,b\n,1\n\n,2\n\n\n,NA\n,4\n",
    "quoted values": 'a,b\n"x, y",1\n"the ""old"" one","007"\n"",2\n"NA",""\n"two\nlines",3\n',
    "a quote that is not closed": 'a,b\n1,"x\n2,y\n',
    "text after a quote": 'a,b\n1,"x"y\n2,y\n',
    "spaces in quotes": 'a,b\n" x ",1\n"y ",2\n',
    "a space and a quote at the very end": 'a,b\n1,"x "',
    "a quote at the very end": 'a,b\n1,"x"',
    "doubled quotes alone": 'a,b\n1,""""\n"""""",2\n"""a""",""\n',
    "words for missing values": "a,b,c\nNA,x,1.5\n,?,NA\n?,n/a,\n-nan,,2.5\nNA,null,NA\n",
    "a word in a column that stays text": "a,b\n99999999999999999999,1\nnan,2\n5.,3\n",
    "zeros at the end of a line": "a,b\n1,0\n05,0\n",
}


@pytest.mark.parametrize("text", _ROWS.values(), ids=_ROWS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_files_that_only_look_plain_are_the_same_table_by_both_ways(text: str, end: str) -> None:
    _assert_same(text.replace("\n", end).encode())


@pytest.mark.parametrize(
    "late",
    [
        *(
            "007,x",
            "1,NA",
            "1, x",
            '1,"x"',
            "1",
            "word,x",
            "1.50,x",
            "9007199254740993,x",
            "True,x",
            "1,x\u00a0",
        ),
        *('"1",x', '1,"x, y"', '1,"x""y"', '1,"x', '1,x"', '1,"x\n\n y"', '"007",""'),
    ],
)
@pytest.mark.parametrize("size", [5, 64])
def test_what_is_odd_late_in_a_file_is_seen(monkeypatch: pytest.MonkeyPatch, late: str, size: int) -> None:
    """Whatever the pieces in which the file is looked at."""
    monkeypatch.setattr(plain_scan, "_BLOCK", size)
    monkeypatch.setattr(plain_missing, "_BLOCK", size)
    monkeypatch.setattr(plain_bytes, "_BLOCK", size)
    monkeypatch.setattr(plain_file, "_PART", 4 * size)
    monkeypatch.setattr(table_file, "_MIB", size + 2)
    rows = "".join(f"{index},{'xy'[index % 2]}\n" for index in range(40))
    _assert_same(f"a,b\n{rows}{late}\n{rows}".encode())


def test_a_column_whose_type_changes_far_into_the_file_is_of_one_type() -> None:
    rows = "".join(f"{index},1,True\n" for index in range(60_000))  # longer than what pandas reads at once
    _assert_same(f"a,b,c\n{rows}x,1.5,maybe\n".encode())


def test_without_pyarrow_the_table_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_parse, "arrow_text_type", lambda: None)
    monkeypatch.setattr(plain_delimited, "arrow_text_type", lambda: None)
    _assert_same(b"a,b,c\n007,NA,1.10\n8,,1.2\n9,x,1.3\n")


def test_a_plain_file_is_read_the_faster_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "_LARGE", 0)
    monkeypatch.setattr(table_file, "read_lines", lambda *_: pytest.fail("read with care"))
    text = "a;b;c\n1.5;red;NA\n2.5;blue;3\n;?;4\n"
    (tmp_path / "t.csv").write_text(text)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("t.csv", "t.csv.gz"):
        frame = read_table(tmp_path / name)
        assert frame["a"].tolist()[:2] == [1.5, 2.5] and frame["b"].tolist()[:2] == ["red", "blue"]
        assert frame.isna().sum().tolist() == [1, 1, 1]


def test_a_large_file_that_is_no_text_is_refused_like_a_small_one(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 300_000 + b"1,\0\n")
    with pytest.raises(InputError, match="NUL"):
        read_table(path)


_LONG_COLUMNS = "".join(f"{index}.5,{index},shop {index % 7}\n" for index in range(20_000))


@pytest.mark.parametrize(
    "odd",
    [
        "1.5 ,2,a\n",
        "1.5,2,a \n",
        "1.5, 2,a\n",
        "1.5,-01,a\n",
        "+7,2,a\n",
        "1.5,2,\n",
        "1.5,2\n",
        "\n",
        "1,2,\x1fa\n",
    ],
)
def test_what_is_odd_beyond_the_first_blocks_is_found(odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_file, "_PART", 2**19)
    for rows in (f"{_LONG_COLUMNS}{odd}\n", f"{_LONG_COLUMNS}{odd}\n{_LONG_COLUMNS}"):
        _assert_same(f"a,b,c\n{rows}".encode())


@pytest.mark.parametrize("seed", range(60))
def test_a_hostile_file_is_the_same_table_by_both_ways(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the parts in which it is looked at, and in which pandas reads it."""
    draw = random.Random(seed)
    monkeypatch.setattr(plain_file, "_PART", draw.choice([50, 500, 2**22]))
    monkeypatch.setattr(plain_file, "_HEAD", draw.choice([100, 2**15]))
    for module in (plain_bytes, plain_missing):
        monkeypatch.setattr(module, "_BLOCK", draw.choice([16, 64, 2**20]))
    if draw.random() < 0.5:  # so that pandas reads small files by several threads, too
        for name, value in (("MIN_BYTES", 1), ("CHUNK_BYTES", 100), ("MIN_CHUNK_ROWS", 1)):
            for whole in (f"_PARALLEL_{name}", f"_PARALLEL_READ_{name}"):
                monkeypatch.setattr(readers, whole, value, raising=False)
    _assert_same(hostile_file(seed), draw.choice(["t.csv", "t.csv", "t.txt"]))


@pytest.mark.parametrize(
    "text",
    [
        "a,b,c\n1,2,3,\n4,5\n",  # a row too long hides one that is too short
        "a,b,c\n1,2,3\n4,5\n\n6,7,8\n",
        'a,b\n1,"x, y"\n2,"NA"\n3,\n"",""\n',
        'a,b\r\n1,"x\r\ny"\r\nNA,"""z"""\r\n',
        "a,b\n18446744073709551615,1\nNA,2\n,3\n",
        "date,x\n" + "".join(f"{day:02}/01/2024,{day}\n" for day in range(1, 29)),
        "a,b\n" + "".join(f"{index:04},{index % 7}\n" for index in range(99)) + "NA,1\n,2\n",
        "a,b\n" + "".join(f"{index % 9}.50,{index}\n" for index in range(99)) + "word,1\n",
        "a,b\n" + "".join(f"{index % 9}.5,{index}\n" for index in range(99)) + "NA,1\n,2\n1e400,3\n",
        "a,b\n" + "".join(f"{index % 9},{index}\n" for index in range(99)) + "?,1\n,2\n1.0,3\n",
        "a,b\n" + "".join(f"{index}e+20,{index}\n" for index in range(99)),
    ],
)
def test_what_begins_like_another_file_is_the_same_table_by_both_ways(text: str) -> None:
    _assert_same(text.encode())


def test_words_left_among_whole_numbers_beyond_64_bits_are_missing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n18446744073709551615,1\nNA,2\n,3\n")
    frame = read_table(tmp_path / "t.csv")
    assert frame["a"].isna().tolist() == [False, True, True]
    assert frame.attrs[MISSING_WORDS] == {"a": {"NA": 1}}


_LATE = "".join(f"{index}.5,{index},shop {index % 7},{index % 5}.25\n" for index in range(20_000))


@pytest.mark.parametrize(
    "row",
    ["1.5,2,a,1.25", "1.5,2,a,", "NA,2,a,1", "7,8,a,NULL", "007,8,a,1", "1.5,2,a b,1.250", '1,2,"a, b",1'],
)
def test_what_several_threads_read_is_the_same_table(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_PARALLEL_READ_MIN_BYTES", "_PARALLEL_CHUNK_BYTES"):
        monkeypatch.setattr(readers, name, 2**16, raising=False)
    monkeypatch.setattr(table_file, "_LARGE", 0)
    monkeypatch.setattr(table_file, "read_lines", lambda *_: pytest.fail("read with care"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_text(f"a,b,c,d\n{_LATE}{row}\n{_LATE}")
        frame = read_table(path)
    careful = clean_frame(read_delimited(f"a,b,c,d\n{_LATE}{row}\n{_LATE}", "t.csv"), "t.csv", values=False)
    assert_frame_equal(frame, careful, check_exact=True)
    assert frame.attrs == careful.attrs


def test_usual_files_need_no_second_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "_LARGE", 0)
    monkeypatch.setattr(plain_delimited, "parse_texts", lambda *_, **__: pytest.fail("read once more"))
    monkeypatch.setattr(plain_delimited, "_with_scan", lambda *_: pytest.fail("looked at once more"))
    draw = random.Random(0)
    for kind, row in {
        "missing": lambda i: f"{draw.choice(['', 'NA', draw.gauss(0, 1)])},{draw.choice(['', i])},{i}",
        "codes": lambda i: f"{draw.gauss(0, 1)},{i:05},{i}",
        "prices": lambda i: f"{i % 40 / 10:.2f},word {i},{i}",
        "ratings": lambda i: f"{i % 5 / 2},{i % 3},x",
        "quoted": lambda i: f'"a, {i % 5}","say ""{i}""",{i}',
        "quoted and missing": lambda i: f'{draw.choice(["", "NA", chr(34) * 2])},"{i} x",{i}',
        "exponents": lambda i: f"{i}.5e-20,{-i}e-5,1",
        "dates": lambda i: f"0{i % 9 + 1}/01/2024,{i},x y",
        "other letters": lambda i: f"Größe {i},{i},日本",
    }.items():
        for end in ("\n", "\r\n"):
            text = end.join(["a,b,c", *map(row, range(3000)), ""])
            (tmp_path / f"{kind}.csv").write_text(text, newline="")
            read_table(tmp_path / f"{kind}.csv")
