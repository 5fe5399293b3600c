"""A drawing in the colours of the page, small enough for a phone, with a title for those who hear it.

Matplotlib draws with fixed colours. Those of `PALETTE` become the page's own, so that one
picture serves a light page, a dark one and paper. Names in it are hashed, as several pictures share one page.
"""

import hashlib
import html
import io
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from polytask.core.names import short_name
from polytask.report.drawing import drawing
from polytask.report.page import Plot

__all__ = ["LINES", "LONGEST", "PALETTE", "chart", "named"]

PALETTE = {
    "#1b2733": "ink",
    "#5d6b79": "muted",
    "#dfe5ea": "line",
    "#0067a6": "good",
    "#b34700": "bad",
    "#0068a7": "line-1",
    "#b34701": "line-2",
    "#00795a": "line-3",
    "#a2447f": "line-4",
    "#8a6100": "line-5",
    "#5a58b8": "line-6",
}
"""Colours of a drawing, and what the page calls them; those of lines are told apart by the colour-blind."""

LINES = [colour for colour, name in PALETTE.items() if name.startswith("line-")]
_WIDTH = 3.5  # inches: 336 pixels, which is what a phone shows
LONGEST = 22
"""Letters of a name beside a row."""

_SETTINGS = {
    "font.size": 9.0,
    "axes.edgecolor": "#dfe5ea",
    "axes.labelcolor": "#5d6b79",
    "axes.labelsize": 8.5,
    "xtick.color": "#5d6b79",
    "ytick.color": "#5d6b79",
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.5,
    "text.color": "#1b2733",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "lines.solid_capstyle": "round",
}


def chart(
    draw: Callable[[Any], object],
    *,
    title: str,
    caption: str = "",
    height: float = 2.6,
    width: float = _WIDTH,
    wide: bool = False,
) -> Plot:
    """Draw into one pair of axes.

    Args:
        draw: Draws into the axes that it is given.
        title: What the picture shows, for those who hear it.
        caption: What is written below it.
        height: In inches.
        width: In inches.
        wide: Whether it may take the whole width of the page.

    Raises:
        MissingPackageError: matplotlib is not installed.
    """
    svg = _page_svg(_svg(draw, (width, height)), title)
    return Plot(svg=svg, title=title, caption=caption, wide=wide)


def _svg(draw: Callable[[Any], object], size: tuple[float, float]) -> str:
    """Return what Matplotlib draws."""
    with drawing() as pyplot, pyplot.rc_context(_SETTINGS):
        figure, axes = pyplot.subplots(figsize=size, layout="constrained", FigureClass=_figure_class())
        try:
            draw(axes)
            buffer = io.StringIO()
            figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
        finally:
            pyplot.close(figure)
    return buffer.getvalue()


@cache
def _figure_class() -> type[Any]:
    """Return a figure that is drawn once as it is saved.

    Matplotlib saves one by drawing it into nothing, which lays it out, and once more without a layout.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    class OnceDrawn(Figure):
        def draw(self, renderer: Any) -> None:
            engine = self.get_layout_engine()
            if isinstance(engine, ConstrainedLayoutEngine):
                engine.execute(self)
            else:
                super().draw(renderer)

    return OnceDrawn


def named(name: str, most: int = LONGEST) -> str:
    """Write a name for a picture; a leading underscore would hide it from a legend."""
    text = short_name(name, most)
    return f" {text}" if text.startswith("_") else text


def _page_svg(text: str, title: str) -> str:
    """Make what Matplotlib wrote part of a page."""
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    own = hashlib.sha256((title + body).encode()).hexdigest()[:8]
    used = set(re.findall(r"(?:url\(#|xlink:href=\"#)([^)\"]+)", body))
    body = re.sub(r' id="([^"]*)"', lambda found: f' id="{own}-{found[1]}"' if found[1] in used else "", body)
    body = re.sub(r"(url\(#|xlink:href=\"#)", rf"\g<1>{own}-", body)
    for colour, name in PALETTE.items():
        body = body.replace(colour, f"var(--{name})")
    # The letters are the page's: a list of Matplotlib's fonts at every text would win over them.
    body = re.sub(r"font: [^;\"]*?(\d+(?:\.\d+)?)px [^;\"]*", r"font-size: \1px", body)
    body = re.sub(r" ?font-family: [^;\"]*;?", "", body)
    body = re.sub(r" transform=\"rotate\(-?0(?:\.0*)? [^)]*\)\"", "", body)
    body = re.sub(r"\s*\n\s*", "\n", body)
    opening = body.index(">") + 1
    box = re.search(r'viewBox="([^"]*)"', body[:opening])
    view = "" if box is None else f' viewBox="{box[1]}"'
    head = f'<svg xmlns:xlink="http://www.w3.org/1999/xlink"{view} role="img" aria-labelledby="{own}-title">'
    return f'{head}<title id="{own}-title">{html.escape(title)}</title>{body[opening:]}'
