"""What the tests of the page share: how a person draws, what a screen shows."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["SIGNS", "best_of", "draw", "page_files", "shares", "tab_to"]

Points = Sequence[tuple[float, float]]


def page_files() -> Path:
    """The folder of the page's files."""
    return Path(__file__).parents[3] / "src" / "polytask" / "serve" / "page"


def arc(x: float, y: float, radius: float, start: float, stop: float) -> Points:
    angles = [(start + (stop - start) * i / 24) * 2 * math.pi for i in range(25)]
    return [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]


SIGNS: dict[str, list[Points]] = {
    "ring": [arc(0.5, 0.5, 0.3, 0, 1)],
    "zigzag": [[(0.15, 0.3), (0.32, 0.7), (0.5, 0.3), (0.68, 0.7), (0.85, 0.3)]],
    "cross": [[(0.2, 0.2), (0.8, 0.8)], [(0.8, 0.2), (0.2, 0.8)]],
    "gate": [[(0.25, 0.8), (0.25, 0.25), (0.75, 0.25), (0.75, 0.8)]],
    "spoon": [arc(0.5, 0.3, 0.14, 0.25, 1.25), [(0.5, 0.44), (0.5, 0.88)]],
}
"""Five signs: lines of points, in shares of a side."""


def draw(page: Any, lines: Sequence[Points], *, turn: float = 0.0, size: float = 1.0) -> None:
    """Draw by the mouse, line by line, turned and scaled about the middle."""
    pad = page.locator("canvas.pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    for line in lines:
        points = [_placed(point, box, turn, size) for point in line]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=2)
        page.mouse.up()


def _placed(point: tuple[float, float], box: Any, turn: float, size: float) -> tuple[float, float]:
    across, down = (point[0] - 0.5) * size, (point[1] - 0.5) * size
    x = 0.5 + across * math.cos(turn) - down * math.sin(turn)
    y = 0.5 + across * math.sin(turn) + down * math.cos(turn)
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def shares(panel: Any) -> dict[str, str]:
    """What the bars of a part of the page say, by class."""
    rows = panel.locator(".bars > li:not(.none)").all()
    return {row.locator(".name").inner_text(): row.locator(".share").inner_text() for row in rows}


def best_of(panel: Any) -> str:
    """The class with the longest bar, once there is one."""
    long, name = (
        "parseFloat(row.querySelector('.fill').style.inlineSize)",
        "row.querySelector('.name').textContent",
    )
    read = f"rows => rows.map(row => [{long}, {name}])"
    found = panel.locator(".bars > li:not(.none)").evaluate_all(read)
    return max(found)[1]


def tab_to(page: Any, wanted: str, *, key: str = "Tab", seen: Callable[[], None] | None = None) -> None:
    """Press Tab until what is focused says the text; fails where the keyboard does not get there."""
    said = """() => {
        const node = document.activeElement;
        const label = node.labels && node.labels[0];
        return node.getAttribute('aria-label') || (label && label.textContent) || node.textContent;
    }"""
    for _ in range(80):
        page.keyboard.press(key)
        if seen is not None:
            seen()
        if page.evaluate(said).strip() == wanted:
            return
    raise AssertionError(f"{key} never reaches {wanted!r}.")
