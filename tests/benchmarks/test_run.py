"""Each part is run once; a run goes on where it was stopped; stored figures stand beside fresh ones."""

import json
from pathlib import Path

import pytest
from benchmarks.scripts import SCRIPTS, Fast, Script

from benchmarks import beside, run


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two scripts of a line each, and the runs of these."""
    monkeypatch.setattr(run, "SCRIPTS", {
        "one": Script(parts=(("a",), ("b",)), minutes=3, fast=Fast(arguments=("a",))),
        "long": Script(minutes=600),
    })  # fmt: skip
    return tmp_path


def test_the_fast_tier_is_short_and_the_full_one_has_every_script() -> None:
    assert sum(script.fast.minutes for script in SCRIPTS.values() if script.fast is not None) <= 45
    assert {part.script for part in run.parts_of(full=True, only=[])} == SCRIPTS.keys()


@pytest.mark.usefixtures("scripts")
def test_a_tier_has_its_parts() -> None:
    assert [part.name for part in run.parts_of(full=True, only=[])] == ["one a", "one b", "long"]
    assert [part.name for part in run.parts_of(full=False, only=[])] == ["one a"]
    assert [part.minutes for part in run.parts_of(full=True, only=["one"])] == [1.5, 1.5]


def test_a_part_is_done_as_long_as_its_code_is_the_same(scripts: Path) -> None:
    part = run.parts_of(full=True, only=["one"])[0]
    files = ["benchmarks/run.py"]
    assert not run.is_done(part, scripts)
    told = {"modules": run._writer().hash_of(files), "files": files}
    (scripts / part.file).write_text(json.dumps(told))
    assert run.is_done(part, scripts)
    (scripts / part.file).write_text(json.dumps({**told, "modules": "another"}))
    assert not run.is_done(part, scripts)


def test_stored_and_fresh_figures_stand_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored, fresh = tmp_path / "quality" / "results", tmp_path / "fresh"
    for folder, gain, steps in ((stored, "7.0 ± 1.0", 100), (fresh, "6.0 ± 2.0", 10)):
        folder.mkdir(parents=True)
        figures = {"a": {"gain": gain, "seconds": 3.0, "rate": 0.5}, f"only in {folder.name}": 1}
        record = {"hardware": {"processor": folder.name}}
        content = {"setting": {"steps": steps}, "figures": figures, "recorded": [record]}
        (folder / "one.json").write_text(json.dumps(content))
    monkeypatch.setattr(beside, "HERE", tmp_path)
    text = beside.beside(fresh)
    assert "steps: 100 stored, 10 here; processor: results stored, fresh here." in text
    assert "| a, gain | 7.0 ± 1.0 | 6.0 ± 2.0 |" in text and "| a, rate | 0.5 | 0.5 |" in text
    assert "seconds" not in text and "only in" not in text
