"""A slowdown is named, noise is not, and a table of changed code is stale."""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from benchmarks.check import Found, compared, stale
from benchmarks.check_cases import CASES, TABLES

from benchmarks import check

THEN, NOW = Path("then"), Path("now")


def timed(planted: float, *, noise: float = 0.05, seed: int = 0) -> check.Measure:
    """Return a machine on which `slow` takes so many times what it took, give or take some noise."""
    draw = random.Random(seed)

    def measure(tree: Path, cases: Sequence[str]) -> Mapping[str, float | str]:
        factor = {"slow": planted if tree == NOW else 1.0}
        return {case: factor.get(case, 1.0) * draw.lognormvariate(0.0, noise) for case in cases}

    return measure


def judged(measure: check.Measure) -> dict[str, Found]:
    found = compared(THEN, NOW, ["slow", "same"], rounds=7, tolerance=0.1, measure=measure)
    return {one.case: one for one in found}


@pytest.mark.parametrize("seed", range(20))
def test_a_planted_slowdown_of_30_percent_is_named_and_noise_is_not(seed: int) -> None:
    found = judged(timed(1.3, seed=seed))
    assert (found["slow"].verdict, found["same"].verdict) == ("slower", "as before")
    assert judged(timed(1.0, seed=seed))["slow"].verdict == "as before"


def test_what_takes_half_the_time_is_faster() -> None:
    assert judged(timed(0.5))["slow"].verdict == "faster"


@pytest.mark.parametrize(("tree", "verdict"), [(THEN, "not compared"), (NOW, "cannot run")])
def test_what_cannot_run_in_one_tree_is_told(tree: Path, verdict: str) -> None:
    def measure(asked: Path, cases: Sequence[str]) -> Mapping[str, float | str]:
        return dict.fromkeys(cases, "ImportError: no train" if asked == tree else 1.0)

    found = judged(measure)["same"]
    assert (found.told, found.verdict) == ("ImportError: no train", verdict)


def test_the_trees_are_timed_in_turn() -> None:
    asked = []

    def measure(tree: Path, cases: Sequence[str]) -> Mapping[str, float | str]:
        asked.append(tree.name)
        return dict.fromkeys(cases, 1.0)

    compared(THEN, NOW, ["a"], rounds=3, tolerance=0.1, measure=measure)
    assert asked == ["now", "then", "then", "now", "now", "then"]


def test_a_slowdown_planted_in_a_tiny_package_is_named(tmp_path: Path) -> None:
    """A case that counts its work instead of reading a clock, in two trees."""
    for name, work in (("then", 100), ("now", 130)):
        (tmp_path / name / "src").mkdir(parents=True)
        (tmp_path / name / "src" / "tiny.py").write_text(f"WORK = {work}\n")

    def measure(tree: Path, cases: Sequence[str]) -> Mapping[str, float | str]:
        content: dict[str, int] = {}
        exec((tree / "src" / "tiny.py").read_text(), content)
        return {case: content["WORK"] * (1 + random.Random(case).random() / 50) for case in cases}

    trees = tmp_path / "then", tmp_path / "now"
    (found,) = compared(*trees, ["tiny"], rounds=3, tolerance=0.1, measure=measure)
    assert (found.verdict, round(found.ratio, 2)) == ("slower", 1.3)


def test_a_table_is_stale_when_its_code_has_changed(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("x = 1\n")
    writer = check.loaded("results")
    modules = {"sha256": writer.hash_of(["./code.py"], tmp_path), "files": {".": "code"}}
    table, old = tmp_path / "one.json", tmp_path / "old.json"
    table.write_text(json.dumps({"recorded": [{"commit": "abcdef0123", "modules": modules}]}))
    old.write_text(json.dumps({"recorded": [{"note": writer.BEFORE}]}))
    tables = {"one": table, "old": old}
    assert stale(tables, tmp_path) == ({}, ["old"])
    (tmp_path / "code.py").write_text("x = 2\n")
    assert stale(tables, tmp_path) == ({"one": ["abcdef012"]}, ["old"])


@pytest.mark.parametrize("case", CASES)
def test_every_case_runs_with_the_code_of_now(case: str) -> None:
    CASES[case]()()


def test_every_case_stands_for_a_table() -> None:
    assert CASES.keys() == TABLES.keys()
    assert set(TABLES.values()) <= check.files().keys()
