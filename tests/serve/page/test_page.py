"""The page in a real browser: drawing and texts are learned, corrected, undone, and kept over a reload."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.serve.page.browser import SIGNS, best_of, draw, shares

pytestmark = pytest.mark.browser

LINES = """billing: I was charged twice
billing: send me the invoice
delivery: where is my parcel
delivery: the courier is late"""


def teach(page: Any, name: str, **form: float) -> None:
    draw(page, SIGNS[name], **form)
    page.get_by_label("Name of this sign").fill(name)
    page.get_by_role("button", name="Learn", exact=True).click()
    page.locator(f'.cards [data-name="{name}"]').wait_for()


def answered(page: Any, part: str = "draw") -> Any:
    """The part of the page, once its bars tell something."""
    panel = page.locator(f"#{part}-panel")
    panel.locator(".result:not(.asking) .bars .best").wait_for()
    return panel


def test_a_drawing_reaches_the_right_class_of_five_that_were_drawn_once(opened: Any) -> None:
    page = opened()
    for name in SIGNS:
        teach(page, name)
    for name, lines in SIGNS.items():
        page.get_by_role("button", name="Clear", exact=True).click()
        draw(page, lines, turn=0.12, size=0.85)
        panel = answered(page)
        assert best_of(panel) == name
        assert set(shares(panel)) == set(SIGNS)
        assert "100 known examples" in panel.locator(".bars .none").inner_text()


def test_bars_move_while_a_line_is_being_drawn(opened: Any) -> None:
    page = opened()
    teach(page, "ring")
    teach(page, "cross")
    box = page.locator("canvas.pad").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    expect(page.locator("#draw-panel .bars .share").first).to_contain_text("%")  # the button is still down
    page.mouse.up()


def test_a_finger_draws_and_a_second_one_does_not_disturb(opened: Any) -> None:
    page = opened(has_touch=True, is_mobile=True, viewport={"width": 360, "height": 740})
    pad = page.locator("canvas.pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    screen = page.context.new_cdp_session(page)

    def touch(kind: str, *fingers: tuple[float, float]) -> None:
        points = [{"x": box["x"] + x, "y": box["y"] + y, "id": i} for i, (x, y) in enumerate(fingers)]
        screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (40, 40))
    for step in range(1, 6):
        touch("touchMove", (40 + 20 * step, 40 + 20 * step))
    touch("touchStart", (140, 140), (200, 30))
    touch("touchMove", (150, 150), (210, 40))
    touch("touchEnd")
    [line] = json.loads(page.evaluate("sessionStorage.getItem('polytask.drawing')"))["lines"]
    assert len(line) >= 6
    assert line[-1][0] > 0.4 and abs(line[-1][0] - line[-1][1]) < 0.02


def test_a_mistake_is_corrected_with_one_click_and_undone_with_another(opened: Any) -> None:
    page = opened()
    teach(page, "ring")
    teach(page, "cross")
    draw(page, SIGNS["gate"])
    page.get_by_role("button", name="This drawing is ring: learn it").click()
    ring = page.locator('.cards [data-name="ring"]')
    expect(ring).to_contain_text("2 examples")
    page.get_by_role("button", name="Undo last change").click()
    expect(ring).to_contain_text("1 example")


SLOW_QUESTIONS = """() => {
    const real = window.fetch;
    window.fetch = async (...asked) => {
        if (String(asked[0].url ?? asked[0]).includes("/predict")) {
            window.questions = (window.questions ?? 0) + 1;
            await new Promise((done) => setTimeout(done, 1000));
        }
        return real(...asked);
    };
}"""


def test_a_question_is_answered_before_its_model_goes(opened: Any) -> None:
    page = opened()
    teach(page, "ring")
    teach(page, "cross")
    page.evaluate(SLOW_QUESTIONS)
    draw(page, SIGNS["gate"])
    while not page.evaluate("window.questions ?? 0"):
        page.wait_for_timeout(20)
    page.get_by_role("button", name="Remove cross").click()
    expect(page.locator(".cards .card")).to_have_count(1)  # too few for a model
    page.wait_for_timeout(1500)  # else the page would be closed before it asks once more


def test_classes_are_renamed_removed_and_come_back(opened: Any) -> None:
    page = opened()
    for name in ("ring", "cross", "gate"):
        teach(page, name)
    page.get_by_role("button", name="Rename ring").click()
    field = page.get_by_label("New name of ring")
    field.fill("gate")
    field.press("Enter")
    expect(page.locator(".cards [role=alert]")).to_contain_text("There is a class gate already")
    field.fill("hoop")
    field.press("Enter")
    page.locator('.cards [data-name="hoop"]').wait_for()
    draw(page, SIGNS["ring"])
    assert set(shares(page.locator("#draw-panel"))) == {"hoop", "cross", "gate"}
    page.get_by_role("button", name="Remove cross").click()
    expect(page.locator(".cards .card")).to_have_count(2)
    page.get_by_role("button", name="Remove gate").click()
    expect(page.locator(".cards .card")).to_have_count(1)  # too few for a model
    for _ in range(3):
        page.get_by_role("button", name="Undo last change").click()
        page.wait_for_timeout(300)
    page.locator('.cards [data-name="ring"]').wait_for()
    expect(page.locator(".cards .card")).to_have_count(3)
    answered(page)
    assert best_of(page.locator("#draw-panel")) == "ring"


def test_nothing_is_lost_by_loading_the_page_again(opened: Any) -> None:
    page = opened()
    teach(page, "ring")
    teach(page, "zigzag")
    draw(page, SIGNS["zigzag"])
    page.get_by_label("Name of this sign").fill("half a na")
    answered(page)
    page.reload()
    panel = answered(page)
    assert best_of(panel) == "zigzag"
    assert page.get_by_label("Name of this sign").input_value() == "half a na"


def test_a_model_that_the_service_lost_is_made_anew_from_the_drawings(opened: Any, address: str) -> None:
    page = opened(allow_errors=True)  # the browser itself notes the answer 404
    teach(page, "ring")
    teach(page, "cross")
    name = json.loads(page.evaluate("sessionStorage.getItem('polytask.session.draw')"))["name"]
    gone = page.request.delete(f"{address}/models/{name}")
    assert gone.ok
    draw(page, SIGNS["ring"], turn=0.1)
    assert best_of(answered(page)) == "ring"


def test_a_ready_sign_and_an_uploaded_picture_stand_in_for_drawing(opened: Any, tmp_path: Path) -> None:
    page = opened()
    page.get_by_role("button", name="Teach all five").click()
    expect(page.locator(".cards .card")).to_have_count(5)
    page.get_by_role("button", name="Star", exact=True).click()
    assert best_of(answered(page)) == "Star"
    picture = page.locator('.cards [data-name="Moon"] img').get_attribute("src")
    file = tmp_path / "moon.png"
    file.write_bytes(b64decode(picture.split(",")[1]))
    page.locator(".upload input").set_input_files(file)
    page.wait_for_timeout(300)  # the picture is read first
    assert best_of(answered(page)) == "Moon"


def test_the_model_of_the_drawings_is_downloaded(opened: Any, tmp_path: Path) -> None:
    page = opened()
    teach(page, "ring")
    teach(page, "cross")
    with page.expect_download() as waited:
        page.get_by_role("button", name="Download model").click()
    file = tmp_path / "model.zip"
    waited.value.save_as(file)
    assert file.read_bytes()[:2] == b"PK"


def test_labelled_lines_are_learned_and_a_sentence_is_told_and_corrected(opened: Any) -> None:
    page = opened("texts")
    page.get_by_label("Labelled lines").fill(LINES)
    expect(page.locator("#texts-panel")).to_contain_text("4 lines, 2 classes.")
    page.get_by_role("button", name="Learn these lines").click()
    page.locator('#texts-panel .cards [data-name="delivery"]').wait_for()
    page.get_by_label("A sentence").fill("the parcel is late")
    assert best_of(answered(page, "texts")) == "delivery"
    page.get_by_label("It is of a new class").fill("complaints")
    page.get_by_role("button", name="Learn", exact=True).click()
    expect(page.locator('#texts-panel .cards [data-name="complaints"]')).to_contain_text("1 example")
    answered(page, "texts")
    assert "complaints" in shares(page.locator("#texts-panel"))
    page.get_by_role("button", name="This sentence is complaints: learn it").click()
    expect(page.locator('#texts-panel .cards [data-name="complaints"]')).to_contain_text("2 examples")


@pytest.mark.parametrize(
    ("text", "examples", "wrong"),
    [
        ("a: one\n\nb： two", [["one", "a"], ["two", "b"]], []),
        ("label\ttext: x\nlabel\tother", [["text: x", "label"], ["other", "label"]], []),
        ('"one, two",a\n"three",a', [["one, two", "a"], ["three", "a"]], []),
        ("a: see http://b.c\nnothing\nb: d", [["see http://b.c", "a"], ["d", "b"]], [2]),
        ("", [], []),
    ],
)
def test_labelled_lines_are_read_in_each_form(opened: Any, text: str, examples: list, wrong: list) -> None:
    page = opened("texts")
    read = "text => import('/page/labelled_lines.js').then(one => one.labelledLines(text))"
    found = page.evaluate(read, text)
    assert [[one["value"], one["class"]] for one in found["examples"]] == examples
    assert found["wrong"] == wrong
    assert found["header"] is None


@pytest.mark.parametrize(
    ("text", "classes", "header"),
    [
        ("label,text\na,one\nb,two\na,three\nb,four", "abab", 1),
        ('\n"text","label"\n"one, two",a\nthree,b\nfour,b\nfive,a', "abba", 2),
        ("c,zero\na,one\na,two", "caa", None),  # one other class is no table to learn from
        ("c,zero\na,one\nb,two\na,three", "caba", None),
        ("c: zero\na: one\nb: two\na: three\nb: four", "cabab", None),
    ],
)
def test_a_head_of_a_pasted_table_is_no_class(
    opened: Any, text: str, classes: str, header: int | None
) -> None:
    page = opened("texts")
    read = "text => import('/page/labelled_lines.js').then(one => one.labelledLines(text))"
    found = page.evaluate(read, text)
    assert "".join(one["class"] for one in found["examples"]) == classes
    assert found["header"] == header
    page.get_by_label("Labelled lines").fill(text)
    said = f"Line {header} is taken for the names of columns and left out."
    assert (said in page.locator("#texts-panel").inner_text()) == (header is not None)
