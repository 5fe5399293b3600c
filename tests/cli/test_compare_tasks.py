"""``polytask compare --task-column``."""

import json
import sys
from pathlib import Path

import pytest
from tests.compare.task_samples import shops

from polytask.cli import main

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
