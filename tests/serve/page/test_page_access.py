"""Everybody can use the page: by keyboard, on a phone, in the dark, in Chinese, with a screen reader."""

import re
from pathlib import Path
from typing import Any

import axe_core_python
import pytest
from playwright.sync_api import expect
from tests.serve.page.browser import SIGNS, best_of, draw, tab_to

pytestmark = pytest.mark.browser

AXE = Path(axe_core_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
PARTS = ("draw", "table", "texts", "models")


def violations(page: Any) -> list[tuple[str, str]]:
    """What axe-core finds serious or critical: its rule, and where."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run()")
    grave = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert found["passes"]  # it has looked at something
    return [(one["id"], node["html"][:200]) for one in grave for node in one["nodes"]]


def fill(page: Any, part: str) -> None:
    """Bring a part of the page into the state in which it shows most."""
    if part == "draw":
        page.locator(".ready button").last.click()
        page.locator(".cards .card").nth(4).wait_for()
        draw(page, SIGNS["ring"])
        page.locator(".result:not(.asking) .best").wait_for()
        page.locator(".cards .button").first.click()
    if part == "texts":
        page.locator("#texts-panel .row .button").nth(1).click()
        page.locator("#texts-panel .button.main").first.click()
        page.locator("#texts-panel .card.result textarea").fill("a parcel")
        page.locator("#texts-panel .result:not(.asking) .best").wait_for()
        page.locator("#texts-panel summary").click()
    if part == "models":
        for summary in page.locator(".models summary").all():
            summary.click()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened: Any, part: str, scheme: str) -> None:
    page = opened(part, color_scheme=scheme)
    assert violations(page) == []
    fill(page, part)
    page.wait_for_timeout(300)  # bars have moved
    assert violations(page) == []


def test_axe_would_find_a_field_without_a_label_and_grey_on_grey(opened: Any) -> None:
    page = opened("texts")
    page.evaluate("document.querySelector('#texts-panel label').remove()")
    page.evaluate("document.querySelector('h2').style.color = '#d0d0d0'")
    assert {rule for rule, _ in violations(page)} >= {"label", "color-contrast"}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_nothing_scrolls_sideways_at_320_pixels(opened: Any, part: str, locale: str) -> None:
    page = opened(part, locale=locale, viewport={"width": 320, "height": 640})
    fill(page, part)
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    beyond = "node.getBoundingClientRect().right > 320.5"
    wide = f"nodes => nodes.filter(node => {beyond}).map(node => node.outerHTML.slice(0, 120))"
    assert page.locator("main *:visible").evaluate_all(wide) == []


def focus_is_seen(page: Any) -> None:
    """What is focused has an outline, or hands it to its label."""
    seen = """() => {
        const node = document.activeElement;
        if (node === document.body) return true;
        const shown = node.classList.contains('unseen-input') ? node.nextElementSibling : node;
        const style = getComputedStyle(shown);
        return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    }"""
    assert page.evaluate(seen), page.evaluate("document.activeElement.outerHTML.slice(0, 200)")


def test_signs_are_taught_told_and_removed_by_keyboard_alone(opened: Any) -> None:
    page = opened()
    see = lambda: focus_is_seen(page)  # noqa: E731
    tab_to(page, "Draw", seen=see)
    for sign in ("Sun", "Star"):
        tab_to(page, sign, seen=see)
        page.keyboard.press("Enter")
        tab_to(page, "Name of this sign", key="Shift+Tab", seen=see)
        page.keyboard.type(f"my {sign}")
        page.keyboard.press("Enter")
        page.locator(f'.cards [data-name="my {sign}"]').wait_for()
    tab_to(page, "Star", seen=see)
    page.keyboard.press("Space")
    page.locator("#draw-panel .result:not(.asking) .best").wait_for()
    assert best_of(page.locator("#draw-panel")) == "my Star"
    expect(page.locator("#announcer")).to_contain_text("my Star")  # a screen reader hears it
    tab_to(page, "This drawing is my Star: learn it", key="Shift+Tab", seen=see)
    page.keyboard.press("Enter")
    expect(page.locator('.cards [data-name="my Star"]')).to_contain_text("2 examples")
    tab_to(page, "Remove my Sun", seen=see)
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_contain_text("my Sun is removed")
    expect(page.get_by_role("button", name="Undo last change")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator('.cards [data-name="my Sun"]').wait_for()


def test_a_table_and_texts_are_reached_by_keyboard_alone(opened: Any) -> None:
    page = opened("table")
    see = lambda: focus_is_seen(page)  # noqa: E731
    tab_to(page, "Drop a CSV or Parquet file here, or choose one", seen=see)
    tab_to(page, "Try with built-in penguins", seen=see)
    page.keyboard.press("Enter")
    page.locator(".columns li").first.wait_for()
    tab_to(page, "species", seen=see)
    page.keyboard.press("Space")
    tab_to(page, "How species is predicted", seen=see)
    tab_to(page, "Name of the model", seen=see)
    tab_to(page, "Train", seen=see)
    assert page.locator(".columns input:checked").count() == 1
    page.goto(page.url.split("#")[0] + "#texts")
    tab_to(page, "Labelled lines", seen=see)
    page.keyboard.type("a: one")
    page.keyboard.press("Enter")
    page.keyboard.type("b: two")
    tab_to(page, "Learn these lines", seen=see)
    page.keyboard.press("Enter")
    page.locator('#texts-panel .cards [data-name="b"]').wait_for()
    tab_to(page, "Add one class", seen=see)
    page.keyboard.press("Enter")
    tab_to(page, "Name of the class", seen=see)
    tab_to(page, "A sentence", seen=see)
    page.keyboard.type("two")
    page.locator("#texts-panel .result:not(.asking) .best").wait_for()
    tab_to(page, "This sentence is b: learn it", seen=see)


def test_arrow_keys_move_between_tabs_and_the_address_follows(opened: Any) -> None:
    page = opened()
    page.get_by_role("tab", name="Draw").focus()
    for name in ("table", "texts", "models", "draw"):
        page.keyboard.press("ArrowRight")
        expect(page.locator(f"#tab-{name}")).to_be_focused()
        expect(page.locator(f"#{name}-panel")).to_be_visible()
        assert page.url.endswith(f"#{name}")
    page.keyboard.press("End")
    assert page.url.endswith("#models")
    assert page.locator("[role=tab][tabindex='0']").count() == 1


def test_the_page_follows_the_browser_s_language_and_the_switch(opened: Any) -> None:
    page = opened("texts", locale="zh-CN")
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    expect(page.get_by_role("heading", level=2)).to_have_text("用少量例子给文本分类")
    page.get_by_label("一句话").fill("我的包裹")
    for part in PARTS:
        page.locator(f"#tab-{part}").click()
        shown = page.locator(f"#{part}-panel")
        shown.locator("h2").wait_for()
        if part == "models":
            shown.locator("li").first.wait_for()
        text = shown.inner_text()
        names = shown.locator("h3").all_inner_texts() if part == "models" else []
        for name in sorted(names, key=len, reverse=True):
            text = text.replace(name, "")
        assert set(re.findall(r"[A-Za-z]{4,}", text)) <= {"Parquet"}
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto(page.url.split("#")[0] + "#texts")
    assert page.get_by_label("A sentence").input_value() == "我的包裹"


def test_nothing_moves_where_motion_is_not_wanted(opened: Any) -> None:
    page = opened("draw", reduced_motion="reduce")
    fill(page, "draw")
    moving = "nodes => nodes.filter(node => parseFloat(getComputedStyle(node).transitionDuration) > 0).length"
    assert page.locator("main *").evaluate_all(moving) == 0
