"""``polytask compare --task-column``."""

import json
import sys
from pathlib import Path

import pytest
from tests.compare.task_samples import shops
from typer.testing import CliRunner

from polytask.cli import app, main
from polytask.cli.completion import models

ASKED = ("shops.csv", "--target", "sold", "--task-column", "shop", "--workers", "1", "--folds", "2")
FEW = ("--candidate", "constant", "--candidate", "own", "--task-rows", "most", "--task-rows", "5")


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    monkeypatch.chdir(folder)
    shops().to_csv("shops.csv", index=False)
    monkeypatch.setattr(sys, "argv", ["polytask", "compare", *ASKED, *FEW, "-o", "out", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def test_tables_and_words_are_shown_for_each_number_of_known_rows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, "--dry-run", "--json") == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["cells"] == 8 and planned["cells_done"] == 0 and not (tmp_path / "out").exists()
    assert run(monkeypatch, tmp_path, "--quiet") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "New rows of known tasks, 2 folds" in shown and "New tasks with 5 rows, 2 folds" in shown
    assert "For new tasks with 5 rows, " in shown
    assert run(monkeypatch, tmp_path, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [part["known"] for part in told["parts"]] == ["most", 5] and told["reference"] == "constant"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Comparison on tasks by shop: sold" in page and "Every candidate" in page


def test_info_describes_a_comparison_on_tasks_and_names_what_is_damaged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, "--quiet", "--no-report") == 0
    assert not (tmp_path / "out" / "report.html").exists()
    capsys.readouterr()
    told = CliRunner().invoke(app, ["info", "out"])
    shown = " ".join(told.stdout.split())
    assert told.exit_code == 0 and "a comparison on tasks (polytask compare --task-column)" in shown
    assert "tasks rows that share a value of the column shop" in shown
    assert "cells, new rows of known tasks 4 of 4 done" in shown
    assert "cells, new tasks with 5 rows 4 of 4 done" in shown
    assert "result For new rows of known tasks, " in shown
    found = json.loads(CliRunner().invoke(app, ["info", "out", "--json"]).stdout)
    assert found["kind"] == "task-comparison" and [part["known"] for part in found["parts"]] == ["most", 5]
    assert models("") == ["out"]
    cell = min((tmp_path / "out" / "rows-5" / "cells").iterdir())
    (cell / "cell.json").write_text("{}")
    damaged = CliRunner().invoke(app, ["info", "out"])
    assert damaged.exit_code == 2 and f"rows-5/cells/{cell.name} is damaged" in "".join(
        damaged.stderr.split("\n")
    )
    assert "result" not in damaged.stdout
    (tmp_path / "out" / "tasks.json").write_text("[]")
    assert CliRunner().invoke(app, ["info", "out"]).exit_code == 2
