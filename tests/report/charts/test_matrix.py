"""Tables of numbers as shades: where cells, names and counts are."""

import re
from xml.etree import ElementTree

import pytest

from polytask.report.charts.matrix import affinity_matrix, confusion_matrix
from polytask.report.charts.svg import text_width

_SVG = re.compile(r"\{.*\}")


def _parts(svg: str) -> dict[str, list[ElementTree.Element]]:
    parts: dict[str, list[ElementTree.Element]] = {"rect": [], "text": []}
    for element in ElementTree.fromstring(svg).iter():
        parts.setdefault(_SVG.sub("", element.tag), []).append(element)
    return parts


def _box(svg: str) -> tuple[float, float]:
    _, _, width, height = map(float, ElementTree.fromstring(svg).attrib["viewBox"].split())
    return width, height


def test_a_confusion_is_a_cell_with_its_count_in_the_row_of_the_truth_and_the_column_of_the_prediction():
    plot = confusion_matrix(["cat", "dog", "eel"], [[4, 0, 0], [1, 3, 0], [0, 0, 4]], target="class")
    parts = _parts(plot.svg)
    cells = [
        (float(cell.attrib["x"]), float(cell.attrib["y"]), cell.attrib["style"]) for cell in parts["rect"]
    ]
    columns, rows = sorted({x for x, _, _ in cells}), sorted({y for _, y, _ in cells})
    found = {(rows.index(y), columns.index(x)): style for x, y, style in cells}
    assert set(found) == {(0, 0), (1, 0), (1, 1), (2, 2)}
    assert found[1, 0] == "fill:var(--bad);opacity:0.19" and found[1, 1] == "fill:var(--good);opacity:0.56"
    texts = [element.text for element in parts["text"]]
    assert texts[:4] == ["4", "1", "3", "4"]
    assert texts[4:] == ["cat", "cat", "dog", "dog", "eel", "eel", "predicted", "true"]


@pytest.mark.parametrize("n_names", [1, 2, 6, 7, 13, 14, 40])
def test_all_is_within_the_picture_whatever_the_script_of_the_names(n_names: int):
    names = [f"{'猫' * 9}{index:03}" for index in range(n_names)]
    plot = affinity_matrix(names, [[0.1] * n_names] * n_names, meaning="gain")
    width, height = _box(plot.svg)
    parts = _parts(plot.svg)
    for cell in parts["rect"]:
        x, y, across, down = (float(cell.attrib[name]) for name in ("x", "y", "width", "height"))
        assert x > 0 and y > 0 and across > 0 and down > 0 and x + across <= width and y + down <= height
    for text in parts["text"]:
        assert 0 < float(text.attrib["x"]) < width and 0 < float(text.attrib["y"]) < height
        if "text-anchor:end" in text.attrib["style"] and "transform" not in text.attrib:
            assert text.text is not None and float(text.attrib["x"]) >= text_width(text.text, 4.5)


def test_a_name_is_text_and_never_markup():
    plot = confusion_matrix(["<b>&", "$x$"], [[1, 0], [0, 1]], target="<i>")
    assert "<b>" not in plot.svg and "<i>" not in plot.svg
    assert [element.text for element in _parts(plot.svg)["text"]][2:6] == ["<b>&", "<b>&", "$x$", "$x$"]
