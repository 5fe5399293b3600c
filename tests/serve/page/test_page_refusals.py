"""What goes wrong is said with its remedy, and what others wrote is shown as text."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.serve.page.browser import SIGNS, draw, page_files

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="window.broken=1"><b>bold</b>'


def answer(route: Any, body: Any, status: int = 200) -> None:
    route.fulfill(status=status, content_type="application/json", body=json.dumps(body))


def is_shown_as_text(page: Any, part: str) -> None:
    assert HOSTILE in page.locator(f"#{part}-panel").inner_text()
    assert page.locator("#panels b, #panels [src=x]").count() == 0
    assert page.evaluate("window.broken") is None


def test_names_of_classes_are_text_wherever_they_are_shown(opened: Any) -> None:
    page = opened()
    for name, sign in ((HOSTILE, "ring"), ("cross", "cross")):
        draw(page, SIGNS[sign])
        page.get_by_label("Name of this sign").fill(name)
        page.get_by_role("button", name="Learn", exact=True).click()
        expect(page.locator(".cards .card").last).to_contain_text(name)
    draw(page, SIGNS["ring"])
    page.locator(".result:not(.asking) .best").wait_for()
    is_shown_as_text(page, "draw")


def test_what_a_service_says_of_a_table_and_of_models_is_text(opened: Any) -> None:
    page = opened("table")
    column = {
        "name": HOSTILE,
        "kind": HOSTILE,
        "missing": 0,
        "examples": [HOSTILE],
        "may_be_target": True,
        "note": HOSTILE,
    }
    page.route("**/tables", lambda route: answer(route, {"table": "t", "rows": 3, "columns": [column]}))
    page.get_by_role("button", name="Try with built-in penguins").click()
    page.locator(".columns li").wait_for()
    is_shown_as_text(page, "table")
    model = {
        "name": HOSTILE,
        "family": HOSTILE,
        "data": "texts",
        "classes": [HOSTILE],
        "targets": [],
        "features": [],
    }
    page.route("**/models", lambda route: answer(route, {"models": [model]}))
    page.get_by_role("tab", name="Models").click()
    page.locator(".models summary").click()
    said = {"class": HOSTILE, "none": False, "typicality": 0.5, "probabilities": {HOSTILE: 1.0}}
    page.route("**/predict", lambda route: answer(route, {"predictions": [said]}))
    page.get_by_label("Texts, a line each").fill("one")
    page.get_by_role("button", name="Predict").click()
    page.locator(".predictions > li").wait_for()
    is_shown_as_text(page, "models")


def test_a_refusal_is_shown_with_its_remedy(opened: Any) -> None:
    page = opened("table", allow_errors=True)
    refused = {"error": {"what": f"No table {HOSTILE}.", "where": "file", "remedy": "Save it as CSV."}}
    page.route("**/tables", lambda route: answer(route, refused, 422))
    page.get_by_role("button", name="Try with built-in penguins").click()
    expect(page.locator("#table-panel [role=alert] .error")).to_contain_text("Save it as CSV.")
    is_shown_as_text(page, "table")
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".error")).to_have_count(0)


def test_a_service_that_is_away_is_named_and_nothing_typed_is_lost(opened: Any) -> None:
    page = opened("texts", allow_errors=True)
    page.route("**/adapt", lambda route: route.abort())
    page.get_by_label("Labelled lines").fill("a: one\nb: two")
    page.get_by_role("button", name="Learn these lines").click()
    expect(page.locator("#texts-panel .error")).to_contain_text("Check that polytask serve still runs")
    assert page.get_by_label("Labelled lines").input_value() == "a: one\nb: two"
    page.unroute("**/adapt")
    page.get_by_role("button", name="Learn these lines").click()
    page.locator('#texts-panel .cards [data-name="a"]').wait_for()
    expect(page.locator(".error")).to_have_count(0)


def test_a_busy_service_is_asked_again_by_itself(opened: Any) -> None:
    page = opened("texts", allow_errors=True)
    page.get_by_label("Labelled lines").fill("a: one\nb: two")
    page.get_by_role("button", name="Learn these lines").click()
    page.locator('#texts-panel .cards [data-name="a"]').wait_for()
    refused = {"error": {"what": "Too many requests.", "where": "", "remedy": "Wait."}}
    calls: list[int] = []

    def busy(route: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            route.fulfill(
                status=429,
                headers={"Retry-After": "1"},
                content_type="application/json",
                body=json.dumps(refused),
            )
        else:
            route.continue_()

    page.route("**/predict", busy)
    page.get_by_label("A sentence").fill("one")
    page.locator("#texts-panel .bars .best").wait_for()
    assert len(calls) >= 2
    expect(page.locator(".error")).to_have_count(0)


def test_a_token_is_asked_for_once_and_sent_from_then_on(opened: Any) -> None:
    page = opened("draw", allow_errors=True)
    sent: list[str | None] = []
    refused = {"error": {"what": "A token is needed.", "where": "", "remedy": "Send it."}}

    def guarded(route: Any) -> None:
        sent.append(route.request.headers.get("authorization"))
        if sent[-1] == "Bearer sesame":
            answer(route, {"models": []})
        else:
            answer(route, refused, 401)

    page.route("**/models", guarded)
    page.get_by_role("tab", name="Models").click()
    page.get_by_role("textbox", name="Token").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("was not accepted")
    page.get_by_role("textbox", name="Token").fill("sesame")
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.reload()
    page.locator("#models-panel h2").wait_for()
    page.wait_for_timeout(500)
    assert sent == [None, "Bearer wrong", "Bearer sesame", "Bearer sesame"]


def test_a_token_that_is_not_given_is_a_refusal(opened: Any) -> None:
    page = opened("draw", allow_errors=True)
    refused = {"error": {"what": "A token is needed.", "where": "", "remedy": "Send it."}}
    page.route("**/models", lambda route: answer(route, refused, 401))
    page.get_by_role("tab", name="Models").click()
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    expect(page.locator("#models-panel .error")).to_contain_text("A token is needed. Send it.")


def test_a_picture_that_is_none_is_named(opened: Any, tmp_path: Any) -> None:
    page = opened()
    file = tmp_path / "no-picture.png"
    file.write_text("hello")
    page.locator(".upload input").set_input_files(file)
    expect(page.locator("#draw-panel .said")).to_contain_text("no-picture.png is no picture")


def test_a_refusal_is_chinese_where_the_page_is(opened: Any) -> None:
    page = opened("table", allow_errors=True, locale="zh-CN")
    what, remedy = "The table has about 20,000 rows; at most 10,000 are taken.", "Send it in parts."
    page.route("**/tables", lambda route: answer(route, {"error": {"what": what, "remedy": remedy}}, 413))
    page.get_by_role("button", name="用自带的企鹅数据试试").click()
    box = page.locator("#table-panel .error")
    expect(box).to_contain_text("表格约有 20,000 行；最多接受 10,000 行。")
    expect(box).to_contain_text("请分几次发送。")
    unknown = {"what": f"A library says {HOSTILE}.", "remedy": "Mend it."}
    page.route("**/tables", lambda route: answer(route, {"error": unknown}, 422))
    page.get_by_role("button", name="用自带的企鹅数据试试").click()
    expect(box).to_contain_text("服务拒绝了这个请求")
    expect(box.locator("[lang=en]")).to_have_text(f"{unknown['what']} Mend it.")
    is_shown_as_text(page, "table")


SAID = "async (texts) => { const { said } = await import('/page/refusals.js'); return texts.map(said); }"


def test_every_sentence_is_said_in_chinese_whatever_fills_it(opened: Any) -> None:
    page = opened("draw", locale="zh-CN")
    files = [page_files() / f"{name}.zh.json" for name in ("refusals", "errors")]
    sentences = {k: v for file in files for k, v in json.loads(file.read_text(encoding="utf-8")).items()}
    whole = {english: chinese for english, chinese in sentences.items() if english[-1] in ".:?"}
    fill = re.compile(r"\{(\d+)\}")
    asked = [fill.sub(r"'数\1'", english) for english in whole]
    expected = [fill.sub(r"'数\1'", chinese) for chinese in whole.values()]
    wrong = {
        english: said
        for english, said, chinese in zip(asked, page.evaluate(SAID, asked), expected, strict=True)
        if said != chinese
    }
    assert wrong == {}


COMPOSED = {
    "There are 2 problems:\n- Target 'a' has no label at all. Name its column.\n- Target 'b' holds times.": (
        "共有 2 个问题：\n- 目标 'a' 没有任何标签。请给这一列起名。\n- 目标 'b' 是时间。"
    ),
    "`width` must be at least 1, got 0; `depth` must be a whole number, got '8'.": (
        "`width` 至少应是 1，收到的是 0；`depth` 应是整数，收到的是 '8'。"
    ),
    "There is no column 'x'; did you mean 'y'?": "没有列 'x'；您是不是指 'y'？",
    "The task column 'shop' is empty in 3 rows with a label.": (
        "任务列 'shop' 在带标签的行中有空值（3 行）。"
    ),
    "The table, line 3: the header has 2 fields, but this line has 4.": (
        "表格 第 3 行：表头有 2 个字段，但这一行有 4 个。"
    ),
    "Target 'y' has class 'a', 'b' and 7 more, but it was fitted with 'c'.": (
        "目标 'y' 有类别 'a', 'b' 等（另有 7 个），但训练时的类别是 'c'。"
    ),
    "Column 'm' should hold numbers, but has 'x' (1 row).": "列 'm' 应是数，但有 'x'（1 行）。",
    "There is one class; at least 2 are needed to tell apart. The rows have no columns.": (
        "只有一个类别；至少要有 2 个类别才能区分。这些行没有任何列。"
    ),
    "The fit failed. There is no such table.": "训练失败了。没有这个表格。",
}


@pytest.mark.parametrize("english", COMPOSED)
def test_what_is_composed_is_said_in_chinese_part_by_part(opened: Any, english: str) -> None:
    assert opened("draw", locale="zh-CN").evaluate(SAID, [english]) == [COMPOSED[english]]


def test_what_is_known_in_english_alone_is_not_half_translated(opened: Any) -> None:
    page = opened("draw", locale="zh-CN")
    texts = [
        "Send them in parts. A library says so.",
        "`width` must be at least 1, got 0; a library says so.",
        "There are 2 problems:\n- Target 'b' holds times.\n- A library says so.",
    ]
    assert page.evaluate(SAID, texts) == [None] * 3
    assert opened("draw").evaluate(SAID, texts) == texts
