"""The page trains a table, says what the model is worth and predicts rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SLOW = 180_000  # milliseconds until a small table is trained, on a machine that is busy


def small_table(folder: Path) -> Path:
    """Size and colour tell the weight, and which of two kinds it is."""
    noise = np.random.default_rng(0)
    size = noise.uniform(1, 9, 90).round(2)
    colour = np.where(noise.random(90) < 0.5, "red", "blue")
    weight = (3 * size + 5 * (colour == "red") + noise.normal(0, 0.3, 90)).round(2)
    kind = np.where(weight > 18, "big", "small")
    picked = pd.date_range("2023-01-01", periods=90).strftime("%Y-%m-%d")
    columns = {"size": size, "colour": colour, "picked": picked, "ripe": noise.random(90) < 0.5}
    file = folder / "fruit.csv"
    pd.DataFrame({**columns, "weight": weight, "kind": kind}).to_csv(file, index=False)
    return file


def trained(page: Any, file: Path) -> Any:
    """Train weight and kind by the page; its part, once the outcome is there."""
    page.locator("#table-panel input[type=file]").set_input_files(file)
    for column in ("weight", "kind"):
        page.get_by_role("checkbox", name=column, exact=True).check()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator("#table-panel .training progress")).to_be_visible()
    panel = page.locator("#table-panel")
    panel.locator(".row-form").wait_for(timeout=SLOW)
    return panel


def test_a_table_is_trained_and_a_row_predicted(opened: Any, tmp_path: Path) -> None:
    page = opened("table")
    panel = trained(page, small_table(tmp_path))
    weight, kind = panel.locator(".outcomes .card").all()
    expect(weight.locator("h4")).to_have_text("weight")
    expect(weight).to_contain_text("On rows that were held out: root mean squared error")
    expect(kind).to_contain_text("for always the same answer")
    for card in (weight, kind):
        plot = card.get_by_role("img").get_attribute("aria-label")
        assert "Learned together" in plot and "Always the same answer" in plot
        expect(card.locator(".bars.plain li").first).to_contain_text("size")  # what matters most
    form = panel.locator(".row-form")
    form.get_by_role("button", name="Typical row").click()
    assert form.get_by_label("picked").get_attribute("type") == "date"
    assert form.get_by_label("picked").input_value().startswith("2023-0")
    assert form.get_by_label("ripe").input_value() in ("true", "false")
    form.get_by_label("size").fill("2")
    form.get_by_label("colour").select_option("blue")
    values = panel.locator(".answers .value")
    expect(values.nth(1)).to_have_text("small")
    small = float(values.nth(0).inner_text().split()[0])
    form.get_by_label("size").fill("8.5")
    form.get_by_label("colour").select_option("red")
    expect(values.nth(1)).to_have_text("big")
    expect(values.nth(0)).to_contain_text("in 9 of 10 cases")
    large = float(values.nth(0).inner_text().split()[0])
    assert abs(small - 6) < 4 and abs(large - 30.5) < 4
    expect(page.locator("#announcer")).to_contain_text("weight")
    for button, start in (("Download model", b"PK"), ("Download report", b"<!")):
        with page.expect_download() as waited:
            panel.get_by_role("button", name=button).click()
        waited.value.save_as(tmp_path / "file")
        assert (tmp_path / "file").read_bytes()[:2] == start
    page.reload()
    expect(page.locator("#table-panel .row-form").get_by_label("size")).to_have_value("8.5")
    expect(page.locator("#table-panel .answers .value").nth(1)).to_have_text("big")
    models_page(page, tmp_path)


def models_page(page: Any, folder: Path) -> None:
    """The same model among all that are served: a whole file is predicted, and the model is deleted."""
    page.get_by_role("tab", name="Models").click()
    expect(page.locator(".models h3").filter(has_text="fruit").first).to_be_visible()  # the list is asked for
    name = next(one for one in page.locator(".models h3").all_inner_texts() if one.startswith("fruit"))
    page.get_by_text(name, exact=True).click()
    card = page.locator(".models .card").filter(has_text=name)
    card.locator("input[type=file]").set_input_files(folder / "fruit.csv")
    expect(card.locator("tbody tr")).to_have_count(20)
    with page.expect_download() as waited:
        card.get_by_role("button", name="Save all predictions as CSV").click()
    waited.value.save_as(folder / "predictions.csv")
    saved = pd.read_csv(folder / "predictions.csv")
    assert list(saved) == ["weight", "kind"] and len(saved) == 90
    assert (saved["kind"] == pd.read_csv(folder / "fruit.csv")["kind"]).mean() > 0.9
    card.get_by_role("button", name="Delete model").click()
    expect(page.locator(".models h3").filter(has_text=name)).to_have_count(0)


def test_losses_are_drawn_while_it_trains_and_it_can_be_stopped(opened: Any) -> None:
    page = opened("table")
    page.get_by_role("button", name="Try with built-in penguins").click()
    expect(page.locator(".columns li")).to_have_count(8)
    page.get_by_role("checkbox", name="species", exact=True).check()
    page.get_by_role("checkbox", name="body_mass_g", exact=True).check()
    page.get_by_label("How body_mass_g is predicted").select_option("log")
    page.get_by_role("button", name="Train", exact=True).click()
    charts = page.locator(".charts figure")
    expect(charts).to_have_count(2, timeout=SLOW)
    curve = charts.first.locator("polyline")
    curve.wait_for()
    expect(page.locator(".training")).to_contain_text("learning all targets together, part")
    expect(
        page.get_by_text("The loss on held-out rows; the lowest point of each curve is kept.")
    ).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".training h3")).to_have_text("Training was stopped", timeout=SLOW)


def test_training_without_a_target_says_what_is_missing(opened: Any) -> None:
    page = opened("table")
    page.get_by_role("button", name="Try with built-in penguins").click()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator("#table-panel")).to_contain_text("Tick at least one column that is to be predicted.")


def test_a_file_that_is_no_table_is_refused_with_a_remedy(opened: Any, tmp_path: Path) -> None:
    page = opened("table", allow_errors=True)
    file = tmp_path / "broken.parquet"
    file.write_bytes(b"PAR1 nothing else")
    page.locator("#table-panel input[type=file]").set_input_files(file)
    said = page.locator("#table-panel .error p")
    said.wait_for()
    assert len(said.inner_text()) > 20


def test_codes_of_rows_are_said_to_be_unused_where_there_are_many(opened: Any, tmp_path: Path) -> None:
    page = opened("table")
    for rows, said in ((150, True), (40, False)):
        codes = [f"{7919 * row % 99991:05d}x{row}" for row in range(rows)]
        table = pd.DataFrame({"code": codes, "size": np.arange(rows) * 0.5, "kind": ["a", "b"] * (rows // 2)})
        table.to_csv(tmp_path / f"codes{rows}.csv", index=False)
        page.locator("#table-panel input[type=file]").set_input_files(tmp_path / f"codes{rows}.csv")
        expect(page.locator("#table-panel")).to_contain_text(f"codes{rows}.csv: {rows} rows, 3 columns")
        expect(page.locator(".columns li").first).to_contain_text("identifiers")
        assert ("not used: differs in most rows" in page.locator(".columns").inner_text()) == said


def test_an_empty_file_is_refused_without_blaming_the_service(opened: Any, tmp_path: Path) -> None:
    page = opened("table", allow_errors=True)
    file = tmp_path / "empty.csv"
    file.write_bytes(b"")
    page.locator("#table-panel input[type=file]").set_input_files(file)
    said = page.locator("#table-panel .error p")
    said.wait_for()
    assert "what the service prints" not in said.inner_text()
    expect(page.locator("#announcer")).to_have_text("")
