"""Tables out of requests: too many rows or columns, and what is no table, are refused."""

import io

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from tests.serve.conftest import SAVED, Start

CSV = {"content-type": "text/csv"}
PARQUET = {"content-type": "application/vnd.apache.parquet"}


@pytest.fixture
def client(start: Start) -> TestClient:
    return start(limits={"rows": 20, "columns": 10, "text": 50}, models={"table": str(SAVED / "table")})


def asked(client: TestClient, **given) -> tuple[int, str]:
    answer = client.post("/models/table/predict", **given)
    return answer.status_code, answer.text


def parquet(frame: pd.DataFrame) -> bytes:
    written = io.BytesIO()
    frame.to_parquet(written)
    return written.getvalue()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_csv_of_too_many_rows_is_refused_before_it_is_read(client: TestClient, end: str):
    assert asked(client, content=f"a,b{end}" + f"1,2{end}" * 20, headers=CSV)[0] in (200, 422)
    assert asked(client, content=f"a,b{end}" + f"1,2{end}" * 25, headers=CSV)[0] == 413


def test_too_many_columns_are_refused(client: TestClient):
    names = [f"c{index}" for index in range(11)]
    assert asked(client, content=",".join(names) + "\n" + ",".join("1" * 11), headers=CSV)[0] == 413
    assert asked(client, json={"rows": [dict.fromkeys(names, 1)]})[0] == 413
    assert (
        asked(client, content=parquet(pd.DataFrame({name: [1] for name in names})), headers=PARQUET)[0] == 413
    )


def test_a_parquet_of_too_many_rows_is_refused_by_what_it_says(client: TestClient):
    content = parquet(pd.DataFrame({"a": [0] * 1_000_000}))
    assert len(content) < 2**20
    assert asked(client, content=content, headers=PARQUET)[0] == 413


@pytest.mark.parametrize(
    "content",
    [b"", b"PAR1", b"PAR1" * 10, b"PAR1" + b"\xff" * 100 + b"PAR1", parquet(pd.DataFrame({"a": [1]}))[:-9]],
)
def test_what_is_no_parquet_is_refused(client: TestClient, content: bytes):
    status, text = asked(client, content=content, headers=PARQUET)
    assert status == 422, text


@pytest.mark.parametrize("content", [b"", b"\0\0", b"\xff\xfe\0", b"a,a\n1,2\n", b'"' * 1000, b"a,b\n"])
def test_what_is_no_csv_is_refused_without_the_name_of_a_file_of_the_machine(
    client: TestClient, content: bytes
):
    status, text = asked(client, content=content, headers=CSV)
    assert status == 422, text
    assert "/tmp" not in text
    assert "scratch" not in text


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([], 422),
        ([{}] * 21, 413),
        ([{"a": [1]}], 422),
        ([{"a": {"b": 1}}], 422),
        ([{"a": "x" * 51}], 413),
        ([{}], 422),
        ("a", 422),
        ([1], 422),
    ],
)
def test_rows_are_objects_of_plain_values(client: TestClient, rows: object, status: int):
    assert asked(client, json={"rows": rows})[0] == status


def test_a_file_of_another_kind_and_two_files_are_refused(client: TestClient):
    assert asked(client, files={"f": ("rows.xlsx", b"PK\3\4")})[0] == 415
    two = [("f", ("a.csv", b"a\n1\n")), ("f", ("b.csv", b"a\n1\n"))]
    assert asked(client, files=two)[0] == 422


def test_no_upload_is_left_behind(client: TestClient):
    asked(client, content="a,b\n1,2\n", headers=CSV)
    asked(client, content="\0", headers=CSV)
    assert list(client.app.state.service.scratch.iterdir()) == []


def test_a_parquet_that_unpacks_a_thousandfold_is_refused_and_not_unpacked_here(
    client: TestClient, monkeypatch
):
    monkeypatch.setattr("polytask.serve.parquet._MOST_BYTES", 2**24)
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    written = io.BytesIO()
    table = pyarrow.table({"a": ["x" * 1_250_000] * 14})
    files.write_table(table, written, compression="zstd", use_dictionary=False)
    assert len(written.getvalue()) < 2**20
    status, told = asked(client, content=written.getvalue(), headers=PARQUET)
    assert status == 413, told


def test_a_parquet_that_lies_about_its_size_is_stopped_by_the_limit_of_memory(tmp_path):
    from polytask.serve.parquet import _unpacked

    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    packed = tmp_path / "packed"
    values = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array([0] * 2200, pyarrow.int32()), ["x" * 1_000_000]
    )
    files.write_table(pyarrow.table({"a": values}), packed, compression="zstd", store_schema=False)
    assert packed.stat().st_size < 2**20  # the text stands in it once, and 2200 times in what it becomes
    told = _unpacked(packed, tmp_path / "plain", 3000)
    assert told["refused"][0] == 413
    assert not (tmp_path / "plain").exists()


def test_a_long_text_is_refused_by_name_with_its_limit(client: TestClient):
    status, text = asked(client, json={"rows": [{"colour": "x"}, {"colour": "x" * 51}]})
    assert status == 413 and "The text of 'colour' has 51 characters; at most 50 are taken." in text
    assert "rows[1]" in text


def test_rows_without_columns_are_refused_with_a_remedy(client: TestClient):
    answer = client.post("/models/table/predict", json={"rows": [{}, {}]})
    error = answer.json()["error"]
    assert (answer.status_code, error["what"], error["where"]) == (
        422,
        "The rows have no columns.",
        "rows[0]",
    )
    assert error["remedy"] == 'Write them as {"column": value}.'


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_long_text_of_a_csv_is_refused_as_one_of_json_is(client: TestClient, end: str):
    status, text = asked(client, content=f"colour,b{end}x,1{end}{'x' * 51},2{end}", headers=CSV)
    assert status == 413 and "The text of 'colour' has 51 characters; at most 50 are taken." in text
    assert "rows[1]" in text


@pytest.mark.parametrize("kind", ["object", "category", "bytes"])
def test_a_long_text_of_a_parquet_is_refused_too(client: TestClient, kind: str):
    frame = pd.DataFrame({"colour": ["x", "x" * 51]})
    frame = frame.map(str.encode) if kind == "bytes" else frame.astype(kind)
    status, text = asked(client, content=parquet(frame), headers=PARQUET)
    assert status == 413 and "The text of 'colour' has 51 characters" in text


def test_rows_are_counted_whichever_way_lines_end(client: TestClient):
    assert asked(client, content="a,b\n" + "1,2\r" * 25, headers=CSV)[0] == 413


def test_columns_are_counted_where_the_names_have_lines(client: TestClient):
    names = ",".join(f"c{index}" for index in range(20))
    assert asked(client, content=f'\n"a\n",{names}\n' + ",".join("1" * 21), headers=CSV)[0] == 413


def test_columns_of_rows_are_counted_before_a_table_is_made_of_them(client: TestClient, monkeypatch):
    monkeypatch.setattr(
        "polytask.serve.rows.frame_of_rows", None
    )  # it would take a cell for each row and name
    assert asked(client, json={"rows": [{f"c{index}": 1} for index in range(12)]})[0] == 413
