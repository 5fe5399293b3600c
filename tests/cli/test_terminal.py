"""What the command writes, whatever the names are and whoever reads it."""

import io
import json
import math
import os
import subprocess
import sys

import pytest
from rich.console import Console
from tests.report.figures import fit_results, task_result

from polytask.cli.terminal import prepare_streams, say, show, working
from polytask.report.console import fit_table

NASTY = [
    "speed [m/s]",
    "mass [/kg]",
    "[red]x[/red]",
    "a:warning:b",
    "two\nlines",
    "\x1b[31mred",
    "\ud800",
    "π",
]


def results(names):
    return fit_results(*(task_result(name) for name in names))


def written(capsys, *lines, **options) -> str:
    show({}, as_json=False, lines=list(lines), **options)
    return capsys.readouterr().out


@pytest.mark.parametrize("name", NASTY)
def test_a_name_is_printed_as_it_is(capsys, name):
    written_to = written(capsys, f"Model written to {name}.")
    plain = name.replace("\x1b", " ").replace("\ud800", " ")
    assert written_to == f"Model written to {plain}.\n"
    assert (" ".join(plain.split()) or "(blank)") in written(capsys, fit_table(results([name])))


@pytest.mark.parametrize("width", [24, 40, 80, 200])
@pytest.mark.parametrize("name", ["k", "q" * 300, "How satisfied are you, on the whole, with our branch?"])
def test_figures_and_verdict_are_never_cut(name, width):
    out = io.StringIO()
    Console(file=out, width=width).print(fit_table(results([name, "other"])))
    text = " ".join(out.getvalue().split())
    for figure in ("1.21 ± 0.02", "1.51 ± 0.02", "helped", "rmse"):
        assert figure in text, out.getvalue()
    assert "…" not in text.replace("q…q", "")
    assert all(len(line) <= width for line in out.getvalue().splitlines())


def test_each_figure_stands_under_its_heading():
    out = io.StringIO()
    Console(file=out, width=24).print(fit_table(results(["y"])))
    assert "separate: 1.51 ± 0.02" in out.getvalue() and "joint: 1.21 ± 0.02" in out.getvalue()
    wide = io.StringIO()
    Console(file=wide, width=120).print(fit_table(results(["y"])))
    heading, row = (
        next(line for line in wide.getvalue().splitlines() if word in line) for word in ("separate", "1.51")
    )
    assert heading.index("separate") < heading.index("joint") and row.index("1.51") < row.index("1.21")


def test_json_is_strict(capsys):
    show({"a": math.nan, "b": [math.inf, {"c": -math.inf}], "d": 1.5, "e": "±"}, as_json=True, lines=[])

    def refuse(text):
        raise AssertionError(text)

    found = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert found == {"a": None, "b": [None, {"c": None}], "d": 1.5, "e": "±"}


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize("as_json", [True, False])
def test_any_encoding_takes_any_name(monkeypatch, encoding, as_json):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    prepare_streams()
    show({"Δm": "± \udc80"}, as_json=as_json, lines=["Δm ± \udc80"])
    text = raw.getvalue().decode(encoding)
    assert json.loads(text) == {"Δm": "± \udc80"} if as_json else "m " in text


class Gone(io.StringIO):
    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def flush(self) -> None:
        raise self.error


def test_a_reader_who_has_gone_is_no_failure(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Gone(BrokenPipeError(32, "Broken pipe")))
    show({}, as_json=True, lines=[])
    monkeypatch.setattr(sys, "stdout", Gone(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        show({}, as_json=True, lines=[])


def test_a_message_that_nobody_hears_is_lost_quietly(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Gone(BrokenPipeError(32, "Broken pipe")))
    say("note: [/kg]")


def test_missing_streams_become_the_null_device(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    prepare_streams()
    show({}, as_json=False, lines=["x"])
    say("y")
    sys.stdout.close()
    sys.stderr.close()


def test_no_descriptor_is_left_open():
    first, second = os.dup(0), os.dup(0)
    os.close(first)
    os.close(second)
    prepare_streams()
    again = os.dup(0)
    os.close(again)
    assert again == first


def test_the_module_is_the_command_and_works_with_a_closed_stream():
    """In a process of its own: the entry point and ``2>&-``."""
    command = ["bash", "-c", f"'{sys.executable}' -m polytask nothing 2>&-"]
    shown = subprocess.run(command, capture_output=True, text=True)
    assert shown.returncode == 2 and shown.stdout == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "asked", "is_shown"),
    [
        (Terminal, {}, True),
        (Terminal, {"quiet": True}, False),
        (Terminal, {"as_json": True}, False),
        (io.StringIO, {}, False),
    ],
)
def test_a_person_who_watches_sees_that_a_command_is_at_work(monkeypatch, stream, asked, is_shown):
    monkeypatch.setattr(sys, "stderr", found := stream())
    monkeypatch.setenv("TERM", "xterm")
    with working("adapt: learning [/b]", **{"quiet": False, "as_json": False, **asked}):
        say("note: x")
    assert ("adapt: learning [/b]" in found.getvalue()) == is_shown
    assert "note: x" in found.getvalue()
