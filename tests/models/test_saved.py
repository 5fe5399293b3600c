"""The last step of a prediction is tried before the first."""

import pandas as pd
import pytest

from polytask.core import InputError
from polytask.models.saved import check_output, write_table


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "rows.csv").write_text("a\n1\n")
    (tmp_path / "folder.csv").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("rows.csv", "is the input itself"),
        ("../{here}/rows.csv", "is the input itself"),
        ("model/answers.csv", "lies in the model directory model"),
        ("answers.txt", "must end with .csv or .parquet"),
        ("rows.csv/answers.csv", "cannot be written"),
        ("folder.csv", "a folder stands there"),
    ],
)
def test_answers_that_cannot_be_written_are_refused_and_nothing_changes(here, output, message):
    before = sorted(here.rglob("*"))
    with pytest.raises(InputError, match=message):
        check_output(output.format(here=here.name), data="rows.csv", model="model")
    assert sorted(here.rglob("*")) == before and (here / "rows.csv").read_text() == "a\n1\n"


@pytest.mark.parametrize("output", ["answers.csv", "new/ANSWERS.CSV", "~/answers.parquet"])
def test_answers_that_can_be_written_leave_nothing_yet(here, output, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "home"))
    (here / "home").mkdir()
    before = sorted(here.rglob("*"))
    check_output(output, data="rows.csv", model="model")
    assert sorted(here.rglob("*")) == before
    write_table(pd.DataFrame({"y": [1]}), output)
    assert len(sorted(here.rglob("*"))) > len(before) and not (here / "~").exists()
