"""Every model served is asked on the page, and encoders of images, sounds and vectors are taught there."""

import math
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from tests.serve.page.browser import SIGNS, draw

pytestmark = pytest.mark.browser


def card(page: Any, name: str) -> Any:
    """A model among all that are served, opened."""
    page.goto(page.url.split("#")[0] + f"#models/{name}")
    return opened_card(page)


def opened_card(page: Any) -> Any:
    found = page.locator(".models .card").filter(has=page.locator("details[open]"))
    found.wait_for()
    return found


def picture(file: Path, channel: int, top: int) -> Path:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[..., channel] = 200
    pixels[top : top + 24, 20:44] = 255
    Image.fromarray(pixels).save(file)
    return file


def tone(file: Path, pitch: float) -> Path:
    samples = [int(9000 * math.sin(2 * math.pi * pitch * step / 8000)) for step in range(4000)]
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file


@pytest.mark.parametrize("kind", ["images", "sounds"])
def test_an_encoder_is_taught_by_files_of_each_class(opened: Any, tmp_path: Path, kind: str) -> None:
    def one(name: str, which: int, variant: int) -> Path:
        if kind == "images":
            return picture(tmp_path / f"{name}.png", 2 * which, 5 + 10 * variant)
        return tone(tmp_path / f"{name}.wav", (300, 1500)[which] + 20 * variant)

    page = opened("models")
    encoder = card(page, kind)
    encoder.locator("input[type=file]").set_input_files(one("none", 0, 0))
    expect(encoder.locator("[role=alert]").first).to_have_text("Name the class first, then give its files.")
    for which, name in enumerate(("low", "high")):
        encoder.get_by_label("Name of the class").fill(name)
        encoder.locator("input[type=file]").set_input_files([one(f"{name}{i}", which, i) for i in range(2)])
        expect(encoder.locator(".counts")).to_contain_text(f"{name} 2 examples")
    page.get_by_role("tab", name="Draw").click()
    encoder = card(page, kind)  # what was given is still there
    expect(encoder.locator(".counts")).to_have_text("low 2 exampleshigh 2 examples")
    encoder.get_by_role("button", name="Make model").click()
    page.wait_for_url(f"**/#models/{kind}-*")
    made = opened_card(page)
    made.locator("input[type=file]").set_input_files([one("first", 1, 1), one("second", 0, 1)])
    said = made.locator(".predictions > li summary strong")
    expect(said).to_have_count(2)
    assert ["high" in said.nth(0).inner_text(), "low" in said.nth(1).inner_text()] == [True, True]


def test_vectors_are_pasted_to_teach_and_to_ask(opened: Any) -> None:
    page = opened("models")
    encoder = card(page, "vectors")
    encoder.locator("textarea").fill("a: 1 2 3")
    encoder.get_by_role("button", name="Make model").click()
    expect(encoder.locator("[role=alert]").first).to_have_text("Give examples of at least two classes.")
    encoder.locator("textarea").fill("a: 1 2 3\na: 1 2 3.2\nb: -1 0 5\nb: -1.1 0.1 5.2")
    encoder.get_by_role("button", name="Make model").click()
    page.wait_for_url("**/#models/vectors-*")
    made = opened_card(page)
    made.locator("textarea").fill("-1, 0, 5.1\n1 2 3.1")
    made.get_by_role("button", name="Predict").click()
    said = made.locator(".predictions > li summary strong")
    expect(said).to_have_count(2)
    assert ["b:" in said.nth(0).inner_text(), "a:" in said.nth(1).inner_text()] == [True, True]


def test_a_model_of_drawings_is_asked_among_all_models(opened: Any, tmp_path: Path) -> None:
    page = opened()
    for name in ("ring", "cross"):
        draw(page, SIGNS[name])
        page.locator("canvas.pad").screenshot(path=tmp_path / f"{name}.png")
        page.get_by_label("Name of this sign").fill(name)
        page.get_by_role("button", name="Learn", exact=True).click()
        page.locator(f'.cards [data-name="{name}"]').wait_for()
    with page.expect_download() as waited:
        page.get_by_role("button", name="Download model").click()
    name = waited.value.suggested_filename.removesuffix(".zip")
    made = card(page, name)
    made.locator("input[type=file]").set_input_files([tmp_path / "cross.png", tmp_path / "ring.png"])
    said = made.locator(".predictions > li summary")
    expect(said).to_have_count(2)
    assert ["cross" in said.nth(0).inner_text(), "ring" in said.nth(1).inner_text()] == [True, True]


def test_a_file_that_is_no_picture_is_named_and_old_answers_go(opened: Any, tmp_path: Path) -> None:
    page = opened("models", allow_errors=True)
    encoder = card(page, "images")
    for which, name in enumerate(("low", "high")):
        encoder.get_by_label("Name of the class").fill(name)
        encoder.locator("input[type=file]").set_input_files(picture(tmp_path / f"{name}.png", 2 * which, 5))
        expect(encoder.locator(".counts")).to_contain_text(f"{name} 1 example")
    encoder.get_by_role("button", name="Make model").click()
    page.wait_for_url("**/#models/images-*")
    made = opened_card(page)
    made.locator("input[type=file]").set_input_files(tmp_path / "low.png")
    expect(made.locator(".predictions > li")).to_have_count(1)
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    made.locator("input[type=file]").set_input_files([tmp_path / "low.png", tmp_path / "rows.csv"])
    expect(made.locator(".error")).to_contain_text("(rows.csv)")
    expect(made.locator(".error")).not_to_contain_text("images[")
    expect(made.locator(".predictions > li")).to_have_count(0)


def test_models_that_were_made_come_before_built_in_encoders(opened: Any) -> None:
    page = opened("draw")
    models = [
        {"name": "a", "family": "encoder", "data": "texts", "builtin": True},
        {"name": "b", "family": "encoder", "data": "vectors", "builtin": False},
        {"name": "c", "family": "few-shot", "data": "texts", "builtin": False},
    ]
    page.route("**/models", lambda route: route.fulfill(json={"models": models}))
    page.get_by_role("tab", name="Models").click()
    expect(page.locator(".models h3")).to_have_text(["b", "c", "a"])


def test_a_row_that_is_mostly_empty_has_no_interval(opened: Any) -> None:
    page = opened("models")
    columns = [{"name": name, "kind": "number"} for name in ("first", "second", "third")]
    model = {"name": "m", "family": "table", "data": "table", "features": columns}
    model |= {"targets": [{"name": "y", "kind": "regression"}]}
    found = {"predictions": [{"y": 1.5}], "intervals": [{"y": {"low": 1, "high": 2}}]}
    page.route("**/models", lambda route: route.fulfill(json={"models": [model]}))
    page.route("**/models/m/predict", lambda route: route.fulfill(json=found))
    made = card(page, "m")
    made.get_by_label("first").fill("1")
    expect(made.locator(".answers .value")).to_have_text("1.5")
    expect(made.locator(".notes")).to_contain_text("fewer than half of the columns are filled in")
    made.get_by_label("third").fill("1")
    expect(made.locator(".answers .value")).to_have_text("1.5 (1 to 2 in 9 of 10 cases)")
    expect(made.locator(".notes")).to_have_text("")


def test_a_model_with_tasks_says_what_it_is_worth_by_the_rows_that_are_known(opened: Any) -> None:
    page = opened("models")
    model = {
        "name": "pens",
        "family": "tasks-table",
        "data": "table",
        "task_column": "pen",
        "tasks": ["p1", "p2"],
    }
    model |= {"targets": [{"name": "y", "kind": "regression"}], "features": [{"name": "x", "kind": "number"}]}
    steps = [
        {
            "known_rows": known,
            "joint": {"mean": mean, "half_width": 0.1},
            "pooled": {"mean": 2.0, "half_width": 0.5},
        }
        for known, mean in ((0, 1.9), (1, 0.8), ("4/5", 0.2))
    ]
    results = {"targets": [{"target": "y", "metric": "rmse", "new_tasks": steps}]}
    sent: list[Any] = []

    def predict(route: Any) -> None:
        sent.append(route.request.post_data_json)
        answer = {
            "predictions": [{"y": 1.5}],
            "intervals": [{"y": {"low": 1, "high": 2}}],
            "notes": ["One note."],
        }
        route.fulfill(json=answer)

    page.route("**/models", lambda route: route.fulfill(json={"models": [model]}))
    page.route("**/models/pens/results", lambda route: route.fulfill(json=results))
    page.route("**/models/pens/importance", lambda route: route.fulfill(json={}))
    page.route("**/models/pens/predict", predict)
    made = card(page, "pens")
    made.get_by_text("What pens is worth").click()
    said = made.locator(".said li")
    expect(said).to_have_count(3)
    assert "0 rows are known: root mean squared error 1.9 adapted, 2 by one model" in said.nth(0).inner_text()
    assert "1 row is known" in said.nth(1).inner_text()
    assert "4/5 of the rows" in said.nth(2).inner_text()
    assert "Adapted to the task: 0.2 ± 0.1" in (made.get_by_role("img").get_attribute("aria-label") or "")
    made.get_by_label("pen").select_option("p2")
    expect(made.locator(".answers .value")).to_have_text("1.5 (1 to 2 in 9 of 10 cases)")
    expect(made.locator(".notes")).to_have_text("One note.")
    assert sent[-1] == {"rows": [{"pen": "p2", "x": None}], "intervals": 0.9}
