"""What ``polytask compare`` says of options and candidates that are of no use."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from polytask.cli import main
from polytask.compare import table_comparison


def _said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2
) -> str:
    """Run a command that is refused, and return what it says, in one line."""
    monkeypatch.setattr(sys, "argv", ["polytask", "compare", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == code
    return " ".join(capsys.readouterr().err.split())


def test_a_worker_refuses_each_option_of_the_plan(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plan = [
        "--folds",
        "4",
        "--repeats",
        "1",
        "--trials",
        "2",
        "--time",
        "day",
        "--weight",
        "w",
        "--seed",
        "3",
    ]
    text = _said(monkeypatch, capsys, str(tmp_path), "--worker", "--workers", "1", "--quiet", *plan)
    assert "leave out --folds, --repeats, --trials, --time, --weight, --seed." in text


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["joint:hard+nope"], "The candidate 'joint:hard+nope' is none: balancing is 'nope';"),
        (["single:nope"], "The candidate 'single:nope' is none: architecture is 'nope';"),
        (["linear", "linear"], "Two candidates are called 'linear'; name each candidate once."),
    ],
)
def test_candidates_are_refused_in_words_of_the_command(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    names: list[str],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": range(20), "y": range(20)}).to_csv("rows.csv", index=False)
    asked = [word for name in names for word in ("--candidate", name)]
    text = _said(monkeypatch, capsys, "rows.csv", "--target", "y", "-o", "out", *asked)
    assert expected in text and "polytask fit" not in text
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--target", "y"), "A comparison needs --target and --output"),
        (("-o", "out"), "A comparison needs --target and --output"),
        (
            ("--target", "y", "-o", "out", "--setting", "epochs"),
            "takes NAME=VALUE, such as epochs=50; got 'epochs'",
        ),
        (("--target", "y", "-o", "out", "--setting", "epohcs=3"), "--setting: There is no setting epohcs"),
        (
            ("--target", "y", "-o", "out", "--setting", "epochs=x"),
            "error: --setting: epochs must be a whole number, got 'x'.",
        ),
        (("--target", "y", "-o", "out", "--groups", "y,"), "have an empty name; write them as a,b;c"),
        (("--target", "y", "-o", "out", "--groups", "y"), "has groups, but there is one target"),
    ],
)
def test_what_is_missing_or_misspelt_is_said_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    words: tuple[str, ...],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": range(20), "y": range(20)}).to_csv("rows.csv", index=False)
    assert expected in _said(monkeypatch, capsys, "rows.csv", *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("worker", [False, True])
def test_a_comparison_that_is_stopped_says_how_to_go_on_at_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, worker: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": range(30), "y": range(30)}).to_csv("rows.csv", index=False)
    asked = ["rows.csv", "--target", "y", "--candidate", "constant", "--workers", "1", "-o", "out", "--quiet"]
    late = [*asked, "--time-budget", "1e-9"]
    text = _said(monkeypatch, capsys, *late, code=1)
    assert "Raise --time-budget, and run the same command again." in text and "directory" not in text

    def stopped(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(table_comparison, "run_cells", stopped)
    text = _said(monkeypatch, capsys, *(["out", "--worker"] if worker else asked), code=130)
    assert "the folder of the comparison out is kept. To go on, run the same command again." in text
    assert "`" not in text and "directory" not in text
