"""How far a fit is, as the service reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from polytask.core import DataError
from polytask.serve.failures import Refused
from polytask.serve.fit_progress import FitProgress
from polytask.train.progress import TrainingBar, run_line, watched_run


@pytest.fixture
def progress(tmp_path: Path) -> FitProgress:
    return FitProgress(tmp_path / "state.json")


def told(progress: FitProgress) -> dict[str, Any]:
    progress._write(now=True)
    return json.loads(progress._file.read_text())


def test_a_run_tells_its_parts_its_share_and_its_losses(progress: FitProgress):
    with watched_run(progress), run_line("fit", shown=True):
        progress.expect((3.0, 1.0))
        with TrainingBar(10, title="networks joint") as bar:
            for step in range(5):
                bar.advance(step + 1)
                bar.show({"a": 1.0 / (step + 1), "b": float("nan")})
            assert told(progress)["share"] == pytest.approx(3 / 8)
            assert told(progress)["losses"] == {"a": [1.0, 0.5, 0.33333, 0.25, 0.2], "b": []}
        with TrainingBar(10, title="networks alone") as bar:
            bar.show({"a": 9.0})
            state = told(progress)
    assert state["says"] == "networks alone (2 of 2)"
    assert state["losses"]["a"][-1] == 0.2
    assert state["share"] == pytest.approx(3 / 4)


def test_the_share_only_grows(progress: FitProgress):
    progress.advance(0.5)
    progress.expect((1.0, 1.0))
    progress.begin("again")
    assert told(progress)["share"] == 0.5


@pytest.mark.parametrize(
    ("error", "record"),
    [
        (DataError("It has one class. Add rows."), ("It has one class.", "fit", "Add rows.")),
        (Refused(409, "Taken.", where="name", remedy="Choose."), ("Taken.", "name", "Choose.")),
        (ZeroDivisionError("secret"), ("The fit failed.", "fit", "Look into the log of the service.")),
    ],
)
def test_a_fit_that_fails_leaves_a_record(progress: FitProgress, error: Exception, record: tuple):
    progress.failed(error)
    state = told(progress)
    assert state["state"] == "failed"
    assert tuple(state["error"][name] for name in ("what", "where", "remedy")) == record


def test_a_fit_that_is_done_names_its_model(progress: FitProgress):
    progress.running("reading")
    assert told(progress)["state"] == "running"
    progress.done("m", 1)
    assert (told(progress)["model"], told(progress)["share"]) == ("m", 1.0)
