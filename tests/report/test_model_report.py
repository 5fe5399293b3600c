"""The report of a model is one page that stands alone, says what was found, and obeys no name in it."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from tests.report.reports import HOSTILE, NAMES, draw_kinds_once, headings, hostile_model

import polytask
from polytask.core import BundleError, InputError
from polytask.models.bundle_pages import REPORT, is_ours, write_beside
from polytask.models.model_record import ModelRecord
from polytask.models.report_details import Item, ReportDetails
from polytask.report.model_report import model_page, write_model_report

pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def model():
    return hostile_model()


@pytest.fixture(scope="module")
def page(model):
    return model_page(model.record()).render()


class Elements(HTMLParser):
    """Collects elements with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_names_are_text_wherever_they_stand(page):
    assert HOSTILE not in page and "alert(1)" in page
    assert page.count("<script") == 1  # our own, which opens what is folded before printing
    assert "{{ 7 * 7 }} z" in page and "49 z" not in page
    assert "$x^2$" in page


def test_it_asks_for_nothing_from_anywhere(page):
    addresses = [
        value for _, attributes in Elements(page).found for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "action", "data") and value
    ]  # fmt: skip
    assert all(value.startswith(("#", "data:image/png;base64,")) for value in addresses)
    assert "@import" not in page and "url(http" not in page


def test_the_answer_comes_first_and_headings_are_in_order(page, model):
    levels = headings(page)
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    answer = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)[1]
    assert answer.startswith("A model of 2 targets")
    assert page.index("</h1>") < page.index('class="cards"') < page.index("<h2>")


def test_every_picture_has_a_title_and_every_table_a_caption(page):
    elements = Elements(page).found
    tags = [tag for tag, _ in elements]
    pictures = [attributes for tag, attributes in elements if tag == "svg"]
    assert len(pictures) >= 8 and all(one["role"] == "img" for one in pictures)
    titles = {attributes["id"] for tag, attributes in elements if tag == "title" and "id" in attributes}
    assert all(one["aria-labelledby"] in titles for one in pictures)
    assert tags.count("table") == tags.count("caption") > 4
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_pictures_take_the_colours_of_the_page(page):
    body = page[page.index("<body>") :]
    assert "var(--good)" in body and not re.search(r"#(0067a6|1b2733|5d6b79|b34700)", body)


def test_a_loaded_model_has_the_same_report_and_keeps_it(model, page, tmp_path):
    loaded = polytask.load(model.save(tmp_path / "m"))
    twice = polytask.load(loaded.save(tmp_path / "n"))
    assert model_page(twice.record()).render() == page


def test_a_report_within_the_model_is_no_stranger_there(model, tmp_path, monkeypatch):
    draw_kinds_once(monkeypatch)
    saved = model.save(tmp_path / "m")
    model.report(saved / REPORT)
    assert is_ours(saved / REPORT)
    model.save(saved)
    assert not (saved / REPORT).exists()
    assert write_beside(saved, REPORT, "x").exists()


def test_without_details_the_figures_are_shown_alone(model, page):
    short = replace(model.record(), details=ReportDetails())
    text = model_page(short).render()
    assert len(text) < 0.7 * len(page) and text.count("<h2>") == 4 and "no clear difference" in text


def test_what_has_nothing_to_report_says_so(tmp_path):
    bare = ModelRecord(kind="few-shot-adapted", config={}, data={}, source="quick")
    with pytest.raises(InputError, match=r"quick is an adapted few-shot model .*nothing is kept to report"):
        write_model_report(bare, tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


def test_results_that_are_none_are_refused(tmp_path):
    for results in ({}, {"tasks": [{"task": 1}]}, {"tasks": "x", "delta_m_percent": 3}):
        spoilt = ModelRecord(kind="table", config={}, data={}, results=results, source="my model")
        with pytest.raises(BundleError, match="results of my model are not as polytask writes them"):
            model_page(spoilt)


def test_a_picture_that_is_none_is_left_out():
    hostile = 'data:image/svg+xml;base64,AAAA" onload="alert(1)'
    miss = Item(truth="a", predicted="b", image=hostile, text="t")
    details = ReportDetails(misses=(miss,), classes=("a", "b"), confusion=((1, 1), (0, 2)))
    record = ModelRecord(
        kind="few-shot-classifier",
        config={
            "classes": ["a", "b"],
            "examples": [["1"], ["2"]],
            "space": {"kind": "text", "views": [{"name": "words"}]},
            "head": {"name": "ridge"},
        },
        data={"left_out_accuracy": 0.75},
        details=details,
    )
    text = model_page(record).render()
    assert "onload" not in text and "<q>t</q>" in text and "taken for b" in text
    assert "75\u00a0% of the examples were told right" in text


@pytest.mark.parametrize("n_targets", [60])
def test_many_targets_stay_readable_and_below_three_megabytes(model, n_targets, monkeypatch):
    draw_kinds_once(monkeypatch)
    record = model.record()
    results = dict(record.results)
    one = next(task for task in results["tasks"] if task["task"] == NAMES["z"])
    other = next(task for task in results["tasks"] if task["task"] == NAMES["y"])
    names = [f"target {index}" for index in range(n_targets)]
    results["tasks"] = [{**(one, other)[i % 2], "task": name} for i, name in enumerate(names)]
    kept = {detail.target: detail for detail in record.details.targets}
    details = [
        replace(kept[NAMES["zy"[i % 2]]], target=name) for i, name in enumerate(names)
    ]  # fmt: skip
    many = replace(record, results=results, details=replace(record.details, targets=tuple(details)))
    page = model_page(many)
    text = page.render()
    assert len(text.encode()) < 3 * 2**20
    assert "All 60 targets" in text and text.count("<svg") < 70
