"""Names as people give them: no formula, no markup, no broken page, no warning."""

import math
import re
from xml.etree import ElementTree

import pytest
from tests.report.figures import fit_results, interval, task_result
from tests.report.reports import draw_kinds_once

from polytask.core import Interval
from polytask.core.names import printable, short_name
from polytask.models.table_results import TaskResult
from polytask.report import training_plot
from polytask.report.charts.bands import bands
from polytask.report.charts.bars import Bar, bars
from polytask.report.charts.canvas import named
from polytask.report.fit_report import verdict_parts
from polytask.report.learn_report import accuracy_bars
from polytask.report.page import Page, Section

NASTY = {
    "formula": r"cost $x_{$ in $\frac{$",
    "dollars": "from $5 to $10",
    "markup": "<script>alert(1)</script> & \"co\" 'x'",
    "lines": "two\nlines\r\n",
    "escape": "\x1b[31mred\x00",
    "surrogate": "\ud800",
    "script": "价格 ضغط 🙂",
    "long": "word " * 400,
    "blank": "  ",
    "underscore": "_hidden",
}


def results(name: str):
    constant = {"rmse": interval(2.0)}
    return fit_results(
        task_result(name, constant=constant, better_than_constant=False),
        task_result("other", constant=constant, better_than_constant=True),
        messages=(f"column {name}",),
    )


@pytest.mark.parametrize("case", NASTY)
def test_a_picture_shows_the_name_as_text(case):
    name = NASTY[case]
    rows = [Bar(name="other", value=1.0, text="1"), Bar(name=name, value=2.0, text="2")]
    for plot in (bands({name: results(name), "other": results("y")}), bars(rows, title="t", measured="m")):
        shown = "".join(ElementTree.fromstring(plot.svg).itertext())
        assert "".join(named(name).split()) in "".join(shown.split()) or case == "long"
        assert "other" in shown


@pytest.mark.parametrize("case", NASTY)
def test_a_page_shows_the_name_as_text(monkeypatch, case):
    draw_kinds_once(monkeypatch)
    name = NASTY[case]
    section = Section(title=name, parts=verdict_parts(results(name)))
    page = Page(title=name, headline=name, sections=[section]).render()
    assert "<script>alert" not in page and "\x1b" not in page and "\x00" not in page
    assert page.count("</table>") == 1 and page.count("<h1") == 1
    outside = re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    assert max(map(len, outside.splitlines())) < 10_000


@pytest.mark.parametrize("case", NASTY)
def test_a_training_picture_takes_the_name(tmp_path, case):
    rows = [
        {"step": float(step), f"loss/{NASTY[case]}": 1.0 / (step + 1), "loss/other": 1.0} for step in range(3)
    ]
    training_plot(rows, tmp_path / "training.svg")
    shown = "".join(ElementTree.parse(tmp_path / "training.svg").getroot().itertext())
    assert short_name(NASTY[case], 30) in shown


def test_without_separate_models_there_is_no_comparison():
    alone = fit_results(
        TaskResult(
            task="y",
            kind="binary",
            metric="accuracy",
            joint={"accuracy": interval(0.9)},
            baseline={},
            gain=None,
        ),
        compared=False,
    )
    page = Page(title="t", headline="h", sections=[Section(title="s", parts=verdict_parts(alone))]).render()
    assert "90.0" in page and "<svg" not in page


@pytest.mark.parametrize("text", [*NASTY.values(), "plain"])
def test_what_is_shown_fits_one_line_and_can_be_written(text):
    line = short_name(text, 20)
    assert 0 < len(line) <= 20 and line.isprintable() and line.encode()
    assert printable(text, keep_lines=True).replace("\n", "").replace("\t", "").isprintable()


def test_joined_letters_stay_joined():
    family = "👩‍👧 می‌خواهم"
    assert printable(family) == family


def test_the_accuracy_of_one_episode_has_no_interval():
    one = Interval(mean=0.5, half_width=math.nan, n=1)
    assert ">50.0<" in accuracy_bars({"$a_$": one}, pixels=one, way=2, n_episodes=1).svg
