"""Uploaded tables: what their columns may be, how many are kept, and for how long."""

import os
import time

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from tests.serve.conftest import Start

from polytask.serve.columns import guessed_columns

CSV = {"content-type": "text/csv"}
TABLE = "x,y,name\n" + "".join(f"{row},{row % 2},n{row}\n" for row in range(30))


def test_columns_are_told_with_the_kinds_that_they_may_have(client: TestClient):
    told = client.post("/tables", content=TABLE, headers=CSV).json()
    assert told["rows"] == 30
    x, y, name = told["columns"]
    assert (x["kind"], x["kinds"], x["may_be_target"]) == ("regression", ["regression"], True)
    assert (y["kind"], y["kinds"]) == ("binary", ["binary", "regression"])
    assert (name["reads_as"], name["may_be_target"]) == ("identifier", False)
    assert "30 classes" in name["note"]
    assert client.get(f"/tables/{told['table']}").json() == told


@pytest.mark.parametrize(
    ("values", "reads_as", "kind"),
    [
        ([1.5, 2.5, None, 4.0], "number", "regression"),
        (["a", "b", "a", "b"], "category", "binary"),
        ([1, 2, 3, 1], "number", "multiclass"),
        (["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"], "time", None),
        ([True, False, True, True], "boolean", "binary"),
        (["same"] * 4, "category", None),
        ([None] * 4, "number", None),
    ],
)
def test_a_column_is_read_as_the_library_reads_it(values: list, reads_as: str, kind: str | None):
    (told,) = guessed_columns(pd.DataFrame({"c": values}))
    assert (told["reads_as"], told["kind"]) == (reads_as, kind)
    assert told["may_be_target"] == (kind is not None)
    assert bool(told["note"]) == (kind is None)


def test_the_built_in_table_is_there(client: TestClient):
    pytest.importorskip("palmerpenguins")
    assert client.post("/tables", json={"dataset": "penguins"}).json()["rows"] == 344
    assert client.post("/tables", json={"dataset": "../x"}).status_code == 422
    assert client.post("/tables", json={}).status_code == 422


def test_only_so_many_tables_are_kept_and_old_ones_go(start: Start, tmp_path):
    client = start(limits={"tables": 2, "keep": 1})
    first, second = (client.post("/tables", content=TABLE, headers=CSV).json()["table"] for _ in range(2))
    full = client.post("/tables", content=TABLE, headers=CSV)
    assert full.status_code == 503
    assert full.headers["retry-after"]
    assert client.delete(f"/tables/{first}").status_code == 204
    assert client.post("/tables", content=TABLE, headers=CSV).status_code == 201
    folder = tmp_path / "runtime" / "tables" / second
    os.utime(folder, (time.time() - 100, time.time() - 100))
    assert client.post("/tables", content=TABLE, headers=CSV).status_code == 201
    assert client.get(f"/tables/{second}").status_code == 404


@pytest.mark.parametrize("table", ["x", "0" * 16, "..%2F..%2Fstore", "a" * 300])
def test_a_table_that_was_not_given_is_not_there(client: TestClient, table: str):
    for answer in (client.get(f"/tables/{table}"), client.post(f"/tables/{table}/fit", json={})):
        assert answer.status_code in (404, 405, 422), answer.text


def test_a_bad_table_leaves_nothing(client: TestClient, tmp_path):
    assert client.post("/tables", content="a,a\n1,2\n", headers=CSV).status_code == 422
    assert list((tmp_path / "runtime" / "tables").iterdir()) == []
