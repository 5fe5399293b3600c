"""Drawings as parts of a page: text is text, in the page's letters and colours."""

import re

import pytest

pytest.importorskip("matplotlib")

from polytask.report.charts import canvas
from polytask.report.charts.canvas import LINES, chart


@pytest.fixture(scope="module")
def svg() -> str:
    def draw(axes) -> None:
        axes.plot([1, 2, 3], [1e9, 2e9, 3e9], color=LINES[0], label="β 猫 a_b $x$")
        axes.legend()
        axes.set_xlabel("rows <a> & −1")
        axes.set_ylabel("turned")

    return chart(draw, title="A <title>").svg


def test_text_is_text_and_no_outline_of_a_font(svg: str) -> None:
    texts = [re.sub("<[^>]*>", "", one) for one in re.findall(r"<text.*?</text>", svg, re.DOTALL)]
    assert {"β 猫 a_b $x$", "rows &lt;a&gt; &amp; −1", "turned", "1.0"} <= set(texts)
    assert "DejaVu" not in svg
    assert "<image" not in svg


def test_letters_are_those_of_the_page_in_their_size_and_place(svg: str) -> None:
    assert "font-family" not in svg and "font:" not in svg
    styles = re.findall(r'<text style="([^"]*)"', svg)
    assert styles and all("font-size: " in style and "fill: var(--" in style for style in styles)
    assert re.findall(r"rotate\(-?0", svg) == []
    assert svg.count("rotate(-90") == 1


def test_it_is_laid_out_and_drawn_once_and_is_what_matplotlib_saves(monkeypatch) -> None:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    drawn: list[object] = []
    draw = Axis.draw
    monkeypatch.setattr(Axis, "draw", lambda *given: drawn.append(given) or draw(*given))
    once = chart(lambda axes: axes.plot([1, 5]), title="t").svg
    assert len(drawn) == 2  # of each axis
    monkeypatch.setattr(canvas, "_figure_class", lambda: Figure)
    assert chart(lambda axes: axes.plot([1, 5]), title="t").svg == once
    assert len(drawn) > 4


def test_a_small_drawing_is_small(svg: str) -> None:
    assert len(svg) < 8_000


def test_names_within_are_its_own_and_its_title_is_heard(svg: str) -> None:
    assert "<title" in svg and "A &lt;title&gt;" in svg
    ids = re.findall(r' id="([^"]*)"', svg)
    assert len(ids) == len(set(ids))
    assert {used for used in re.findall(r'href="#([^"]*)"', svg)} <= set(ids)
