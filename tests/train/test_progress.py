"""A run has one line, which names what it does as it is spelled; a training outside has a bar of its own."""

import io
import sys

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import polytask
from polytask.core import InputError
from polytask.core.settings import SettingsCheck
from polytask.core.watching import watched
from polytask.train.progress import _OPEN, RunLine, TrainingBar, expect, part, phase, run_line

pytestmark = pytest.mark.trains


class Terminal(io.StringIO):
    """What a person watches."""

    def isatty(self) -> bool:
        return True


def watch(monkeypatch) -> Terminal:
    """Let a person watch; in the test itself, as pytest puts its own stream there before."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    return stream


def text(shown: TrainingBar | RunLine) -> str:
    progress = shown.progress if isinstance(shown, RunLine) else shown._progress
    console = Console(width=200, force_terminal=False)
    with console.capture() as captured:
        console.print(progress.get_renderable())
    return " ".join(captured.get().split())


def open_line() -> RunLine:
    line = _OPEN.get()
    assert line is not None
    return line


def test_the_bar_shows_steps_losses_and_the_best_score():
    bar = TrainingBar(9, title="speed [m/s] [/kg]", shown=True)
    bar.advance(4)
    bar.show({"mass [/kg]": 0.12345, "b": 2.0}, 1.5)
    shown = text(bar)
    assert "speed [m/s] [/kg]" in shown and "mass [/kg] 0.123 b 2.000 | best 1.50" in shown
    assert "4/9" in shown


def test_of_many_losses_six_are_shown():
    bar = TrainingBar(9)
    bar.show({str(index): float(index) for index in range(8)})
    assert "5 5.000 … 2 more" in text(bar) and "6 6.000" not in text(bar) and "best" not in text(bar)
    bar.show({str(index): float(index) for index in range(6)})
    assert "more" not in text(bar)


def test_nothing_is_drawn_where_there_is_no_terminal(capsys):
    with TrainingBar(2) as bar:
        bar.advance(1)
    with run_line("fit", shown=True), TrainingBar(2) as bar:
        phase("reading")
        bar.advance(1)
    assert capsys.readouterr().err == ""


def test_trainings_are_parts_of_the_line_of_their_run(monkeypatch):
    watch(monkeypatch)
    with run_line("fit", shown=True):
        phase("reading [m/s]")
        assert text(open_line()).startswith("fit: reading [m/s] ")
        expect([1.0, 3.0])
        with TrainingBar(10, title="networks") as bar:
            bar.advance(5)
            bar.show({"y": 0.5})
            assert "fit: networks (1 of 2)" in text(open_line()) and "y 0.500" in text(open_line())
            assert open_line().progress.tasks[0].percentage == pytest.approx(12.5)
        with TrainingBar(10, title="linear") as bar:  # stopped early: the run goes on from the part's end
            assert open_line().progress.tasks[0].percentage == pytest.approx(25)
            assert "fit: linear (2 of 2)" in text(open_line()) and "y 0.500" not in text(open_line())
            bar.advance(5)
            assert open_line().progress.tasks[0].percentage == pytest.approx(62.5)
        phase("judging")
        assert "fit: judging" in text(open_line())
        assert open_line().progress.tasks[0].percentage == pytest.approx(100)
    assert _OPEN.get() is None


def test_a_run_within_a_run_has_its_line(monkeypatch):
    watch(monkeypatch)
    with run_line("demo", shown=True):
        outer = open_line()
        with run_line("fit", shown=True):
            assert open_line() is outer
            part("first")
            assert "demo: first" in text(outer) and "of" not in text(outer)
        assert open_line() is outer


def test_the_time_left_follows_from_what_is_done(monkeypatch):
    watch(monkeypatch)
    with run_line("fit", shown=True):
        expect([1.0])
        part("networks")
        line = open_line()
        now = [100.0]
        line.progress.get_time = lambda: now[0]  # pyright: ignore[reportAttributeAccessIssue]
        line.progress.tasks[0]._get_time = lambda: now[0]
        line.expect([1.0])
        line.begin("networks")
        assert "left" not in text(line)
        now[0] = 120.0
        line.advance(0.25)
        assert "1:00 left" in text(line)
        now[0] = 100.0 + 3600
        assert "3:00:00 left" in text(line)


def test_a_line_is_closed_by_an_error(monkeypatch):
    watch(monkeypatch)
    with pytest.raises(KeyError), run_line("fit", shown=True):
        raise KeyError
    assert _OPEN.get() is None


def test_a_person_watches_at_a_terminal_alone(monkeypatch):
    watch(monkeypatch)
    check = SettingsCheck()
    assert watched() and check.shown("progress", None) and not check.shown("progress", False)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not watched() and not check.shown("progress", None) and check.shown("progress", True)
    monkeypatch.setattr(sys, "stderr", None)
    assert not watched()
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert not watched() and not check.problems


TABLE = pd.DataFrame({"a": np.arange(60) / 60, "b": np.arange(60) % 7, "y": np.arange(60) % 5})
QUICK = {"epochs": 2, "width": 4, "folds": 2, "bins": 0}


def told(monkeypatch) -> list[str]:
    """Let a person watch, and note what the line says, however short a time it is drawn."""
    watch(monkeypatch)
    lines: list[str] = []
    for name in ("phase", "begin", "details"):
        original = getattr(RunLine, name)

        def noted(line: RunLine, text_: str, original=original) -> None:
            original(line, text_)
            lines.append(text(line))

        monkeypatch.setattr(RunLine, name, noted)
    return lines


def test_a_fit_tells_a_person_what_it_does_by_default(monkeypatch):
    lines = told(monkeypatch)
    model = polytask.fit(TABLE, "y:regression", **QUICK)
    order = ["fit: reading", "fit: preparing columns and folds", "fit: networks joint (1 of 3)"]
    order += ["fit: linear joint (2 of 3)", "fit: networks of small weights joint (3 of 3)", "fit: judging"]
    first = [next(i for i, line in enumerate(lines) if line.startswith(wanted)) for wanted in order]
    assert first == sorted(first) and any("y 0." in line or "y 1." in line for line in lines)
    lines.clear()
    polytask.extend(model, TABLE.assign(new=TABLE["a"] * 2), "new")
    assert any(line.startswith("extend: new") for line in lines)
    lines.clear()
    polytask.fit(TABLE, "y:regression", progress=False, **QUICK)
    assert lines == []


def test_the_training_of_other_architectures_is_told_part_by_part(monkeypatch):
    lines = told(monkeypatch)
    polytask.fit(TABLE, ["y:regression", "b:regression"], architecture="soft", epochs=1, width=4, folds=2)
    assert any("repeat 1 fold 2 b alone (6 of 6)" in line for line in lines)


def test_a_comparison_tells_how_many_cells_are_done(monkeypatch):
    lines = told(monkeypatch)
    polytask.compare(TABLE, "y:regression", candidates=["constant", "linear"], folds=2, workers=1)
    assert lines[0].startswith("compare: reading") and lines[-1].startswith("compare: judging")
    assert any(line.startswith("compare: cells") and line.endswith("4 of 4") for line in lines)


def test_the_line_changes_nothing_of_a_fit(monkeypatch):
    watch(monkeypatch)
    shown = polytask.fit(TABLE, "y:regression", progress=True, **QUICK).predict(TABLE)
    quiet = polytask.fit(TABLE, "y:regression", progress=False, **QUICK).predict(TABLE)
    pd.testing.assert_frame_equal(shown, quiet)


@pytest.mark.parametrize("call", [polytask.fit, polytask.compare])
def test_progress_is_true_false_or_none(call):
    with pytest.raises(InputError, match="`progress` must be True or False, got 'yes'"):
        call(TABLE, "y", progress="yes")
