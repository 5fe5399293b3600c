"""``polytask relate``."""

import json
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from polytask.cli import main
from polytask.relate import table_relations
from polytask.relate.pilot_probability import PilotProbability


@pytest.fixture
def table(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 2))
    frame = pd.DataFrame(x, columns=["u", "v"])
    frame["a"], frame["b"] = x[:, 0], x[:, 0] + x[:, 1]
    frame["shop"] = np.array(["north", "south"])[np.arange(60) % 2]
    frame.to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "rows.csv"


def _run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["polytask", "relate", *arguments])
    monkeypatch.setenv("COLUMNS", "110")
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr()
    return int(stop.value.code or 0), said.out, said.err


@pytest.mark.trains
def test_the_result_is_shown_as_tables_and_words(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ("--epochs", "1", "--quiet", "--drop", "shop")
    code, out, _ = _run(monkeypatch, capsys, str(table), "--target", "a", "--target", "b", *quick)
    assert code == 0
    assert "Affinity (transfer)" in out and "from \\ to" in out
    assert ("p(helps)" in out) == PilotProbability.stored().informs
    assert "By their affinities" in out


@pytest.mark.trains
def test_the_json_has_tasks_groups_and_the_matrix(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = ("--target", "a", "--task-column", "shop", "--drop", "b")
    code, out, _ = _run(monkeypatch, capsys, str(table), *tasks, "--epochs", "1", "--json")
    found = json.loads(out)
    assert code == 0 and [one["task"] for one in found["tasks"]] == ["shop=north", "shop=south"]
    assert np.shape(found["affinity"]["matrix"]) == (2, 2)
    assert sorted(name for group in found["groups"] for name in group) == ["shop=north", "shop=south"]


@pytest.mark.trains
@pytest.mark.parametrize("second", ["b", "b, in cm"])
def test_the_groups_that_are_found_can_be_trained_by_the_line_that_is_printed(
    second: str, table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = SimpleNamespace(groups=(("a", second), ("c",)))
    monkeypatch.setattr(table_relations, "group_tasks", lambda *_, **__: groups)
    frame = pd.read_csv(table).rename(columns={"b": second})
    frame.assign(c=frame["u"] * frame["v"]).to_csv(table, index=False)
    monkeypatch.chdir(table.parent)
    targets = [word for name in ("a:regression", second, "c") for word in ("--target", name)]
    code, out, _ = _run(
        monkeypatch,
        capsys,
        "rows.csv",
        *targets,
        "--group",
        "shop",
        "--drop",
        "v",
        "--epochs",
        "1",
        "--quiet",
    )
    assert code == 0
    _, _, line = out.partition("To train these groups:\n")
    words = shlex.split(line.replace("\\\n", " "))  # as a shell joins lines
    assert words[:2] == ["polytask", "fit"] and f"a,{second};c" in words
    monkeypatch.setattr(sys, "argv", [*words, "--epochs", "1", "--width", "4", "--quiet"])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr()
    assert not stop.value.code, said.err
    assert "in groups" in said.out and (table.parent / "model" / "model.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--target", "a"), "give --task-column: the column"),
        (("--target", "a", "--target", "b", "--affinity", "x"), "--affinity is 'x'; use one of auto,"),
        (("--target", "a", "--task-column", "shpo"), "--task-column: there is no column 'shpo'"),
        (("--target", "a", "--task-column", "shop", "--affinity", "labels"), "Choose --affinity functions."),
    ],
)
def test_what_is_refused_is_said_in_options(
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    code, _, said = _run(monkeypatch, capsys, str(table), *arguments)
    assert code == 2 and message in " ".join(said.split())
