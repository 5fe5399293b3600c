"""Reports in a real browser: no sideways scroll on a phone, no network, nothing that axe finds serious."""

import pytest
from tests.report.reports import hostile_model
from tests.report.test_relate_report import relations
from tests.report.test_task_comparison_report import on_tasks

from polytask.report.relate_report import write_relations_report

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=["fit", "relate", "tasks"])
def report(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    if request.param == "fit":
        return hostile_model().report(path)
    if request.param == "tasks":
        return on_tasks(3, 6).report(path)
    return write_relations_report(relations(45), path)


def opened(chrome, report, *, width: int, dark: bool = False):
    page = chrome.new_page(viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light")
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on(
        "request",
        lambda asked: said.append(asked.url) if not asked.url.startswith(("file:", "data:")) else None,
    )
    page.goto(report.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    return page, [text for text in said if not text.startswith(("file:", "data:"))]


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1000, False), (1000, True)])
def test_a_page_fits_its_window_says_nothing_and_is_accessible(chrome, report, width, dark):
    axe = pytest.importorskip("axe_core_python.sync_playwright").Axe()
    page, said = opened(chrome, report, width=width, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []
    found = axe.run(page)["violations"]
    assert [
        (one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")
    ] == []
    page.close()


def test_on_paper_everything_is_unfolded(chrome, report):
    page = chrome.new_page()
    page.goto(report.as_uri())
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("[...document.querySelectorAll('details')].every((part) => part.open)")
    hidden = page.evaluate(
        "[...document.querySelectorAll('table, svg')].filter((part) => !part.getClientRects().length).length"
    )
    assert hidden == 0
    page.close()
