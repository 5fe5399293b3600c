"""Rows of figures, in memory and on disk."""

import csv
from pathlib import Path

from polytask.train.history import History


def on_disk(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_rows_may_have_other_figures_than_the_first(tmp_path):
    history = History(tmp_path)
    history.add(2, {"loss/a": 0.5})
    history.add(4, {"loss/b": 0.25, "loss/a": 1.0})
    history.close()
    assert history.rows == [{"step": 2.0, "loss/a": 0.5}, {"step": 4.0, "loss/b": 0.25, "loss/a": 1.0}]
    assert on_disk(tmp_path) == [
        {"step": "2.0", "loss/a": "0.5", "loss/b": ""}, {"step": "4.0", "loss/a": "1.0", "loss/b": "0.25"},
    ]  # fmt: skip


def test_later_rows_are_forgotten_when_a_run_goes_on_from_earlier_ones(tmp_path):
    history = History(tmp_path)
    for step in (1, 2, 3):
        history.add(step, {"x": float(step)})
    history.write()
    rows = history.rows[:2]
    history.restore(rows)
    history.rows[0]["x"] = 9.0
    assert rows[0]["x"] == 1.0 and [row["x"] for row in on_disk(tmp_path)] == ["1.0", "2.0"]


def test_names_that_no_encoding_has_are_written_as_their_codes(tmp_path):
    history = History(tmp_path)
    history.add(1, {"loss/\ud800": 1.0})
    history.write()
    assert (tmp_path / "metrics.csv").read_text() == "step,loss/\\ud800\n1.0,1.0\n"


def test_nothing_is_written_without_a_folder_or_rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for history in (History(), History(tmp_path)):
        history.close()
    assert list(tmp_path.iterdir()) == []
