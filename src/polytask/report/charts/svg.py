"""Pictures whose SVG is written by hand: so plain that they need no Matplotlib, which takes half a second."""

import hashlib
import html
import unicodedata

from polytask.report.page import Plot

__all__ = ["svg_plot", "svg_text", "text_width"]

_USUAL, _WIDE = (
    0.62,
    1.05,
)  # of the size of the letters: the widest of the usual fonts, and East Asian letters


def svg_plot(
    body: str, *, width: float, height: float, title: str, caption: str = "", wide: bool = False
) -> Plot:
    """Make a picture of elements of SVG, whose colours are the page's: ``var(--ink)``, say.

    Args:
        body: The elements.
        width: In points, 1/72 inch.
        height: In points.
        title: What the picture shows, for those who hear it.
        caption: What is written below it.
        wide: Whether it may take the whole width of the page.
    """
    own = hashlib.sha256((title + body).encode()).hexdigest()[:8]  # several pictures share a page
    head = f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-labelledby="{own}-title">'
    named = f'<title id="{own}-title">{html.escape(title)}</title>'
    return Plot(svg=f"{head}{named}\n{body}</svg>", title=title, caption=caption, wide=wide)


def svg_text(
    text: str,
    x: float,
    y: float,
    *,
    size: float,
    anchor: str = "middle",
    colour: str = "ink",
    turn: float = 0,
) -> str:
    """Return an element of text whose capital letters have their middle at a height.

    Args:
        text: On one line; escaped here.
        x: Of its anchor, in points from the left.
        y: Of its middle, in points from the top.
        size: Of the letters, in points.
        anchor: ``"start"``, ``"middle"`` or ``"end"``.
        colour: One of the page's.
        turn: Degrees by which it is turned about its anchor, to the right.
    """
    turned = f' transform="rotate({turn:g} {x:.1f} {y:.1f})"' if turn else ""
    style = f"font-size:{size:g}px;text-anchor:{anchor};fill:var(--{colour})"
    return f'<text x="{x:.1f}" y="{y:.1f}" dy=".35em" style="{style}"{turned}>{html.escape(text)}</text>\n'


def text_width(text: str, size: float) -> float:
    """Return how wide a text may be, in points, whatever the reader's font.

    Example:
        >>> round(text_width("cat", 10)), round(text_width("\u732b", 10))
        (19, 10)
    """
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return size * (_WIDE * wide + _USUAL * (len(text) - wide))
