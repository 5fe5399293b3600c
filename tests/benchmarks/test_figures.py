"""Measured numbers on the pages come out of result files; typed ones are found."""

import json
from pathlib import Path

import pytest
from benchmarks.figures import values
from benchmarks.figures.__main__ import PAGES, ROOT
from benchmarks.figures.blocks import rewritten
from benchmarks.figures.tables.few_shot import _error
from benchmarks.figures.tables.registry import markdown
from benchmarks.figures.typed import typed_numbers
from benchmarks.figures.values import MissingError, number, value


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A result file `one`."""
    figures = {
        "a": {"gain": "-7.25 ± 6.9", "rate": 0.8815},
        "by seed": {"0": {"minutes": 7.1}, "1": {"minutes": 32.2}},
    }
    (tmp_path / "one.json").write_text(json.dumps({"setting": {"chance": 20}, "figures": figures}))
    monkeypatch.setattr(values, "FOLDERS", [tmp_path])
    values.read.cache_clear()
    yield tmp_path
    values.read.cache_clear()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("one > a > gain : 1", "−7.3 ± 6.9"),
        ("one > a > gain : 1 mean", "−7.3"),
        ("one > a > gain : 2 half", "6.90"),
        ("one > a > rate : 1 x100 plus", "+88.2"),
        ("one > by seed > * > minutes : 0 range", "7 to 32"),
        ("one > by seed > * > minutes : 1 list", "7.1, 32.2"),
        ("one > @setting > chance : 0", "20"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_value_is_found_by_its_path(asked: str, told: str) -> None:
    assert value(asked) == told


@pytest.mark.usefixtures("folder")
def test_a_value_that_is_not_there_is_told() -> None:
    with pytest.raises(MissingError, match="there is no `b` in `b > gain`"):
        value("one > b > gain : 1")
    with pytest.raises(MissingError, match=r"no results `two\.json`"):
        value("two > a : 1")
    with pytest.raises(MissingError, match="is 2 values; say list"):
        value("one > by seed > * > minutes : 1")


@pytest.mark.usefixtures("folder")
def test_blocks_are_made_anew_and_the_rest_is_left() -> None:
    text = "gains <!-- figures: one > a > gain : 0 -->99<!-- end --> %, <!-- paper -->3.1<!-- end -->\n"
    after, faults = rewritten(text, language="en")
    assert after == text.replace("99", "−7 ± 7") and not faults
    assert rewritten(after, language="en")[0] == after


def test_a_marker_that_would_not_be_shown_or_has_no_end_is_told() -> None:
    assert rewritten("x\n<!-- once -->3 %<!-- end -->\n", language="en")[1][0][0] == 2
    assert "no `<!-- end -->` of its own" in rewritten("<!-- once -->\n3 %\n", language="en")[1][0][1]
    assert "no table `tabel`" in rewritten("<!-- figures: tabel -->\n<!-- end -->\n", language="en")[1][0][1]


@pytest.mark.parametrize(
    "typed",
    ["0.811", "99 %", "36 times", "± 3", "12 ms", "1,024 MiB", "4x", "提高 7%", "快 3 倍", "2 points"],
)
def test_a_typed_number_is_found(typed: str) -> None:
    assert [line for line, _ in typed_numbers(f"some\nwords {typed} here")] == [2]


@pytest.mark.parametrize(
    "plain",
    ["<!-- paper -->0.811<!-- end -->", "5-way 1-shot", "torch 2.13.0, Python 3.11", "a 95 % interval",
     "`x=0.5`", "[a](b-1.5.md)", "1,000 episodes", "Apache-2.0", "<!-- once -->\n7 %\n<!-- end -->"],
)  # fmt: skip
def test_what_was_not_measured_is_left_alone(plain: str) -> None:
    assert typed_numbers(f"some words\nand {plain} here") == []


def test_halves_are_rounded_up_and_zero_has_no_sign() -> None:
    assert (number(0.125, 2), number(-0.001, 2), number(1234.5, 0)) == ("0.13", "0.00", "1,235")
    assert markdown(["", "a"], [["x", ""]]) == "| | a |\n| --- | --- |\n| x | |"


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_say_what_the_results_say(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    after, faults = rewritten(text, language="zh" if "zh" in name else "en")
    assert after == text, "run `make figures`"
    assert faults + typed_numbers(after) == []


def test_minutes_of_runs_go_from_the_least_to_the_most() -> None:
    runs = {str(seed): {"error": 14.0 + seed, "minutes": minutes} for seed, minutes in enumerate([11.3, 5.5])}
    assert _error({"by seed": runs}, "minutes") == ["14.00 / 15.00 % (2 seeds)", "5.5 to 11.3"]
