"""The parts of a report, and the page that they make: one file of HTML, without a network."""

import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from polytask.core import MissingPackageError
from polytask.core.files import user_path, write_atomically
from polytask.core.names import counted, printable
from polytask.models.bundle_pages import sealed
from polytask.report.drawing import drawing
from polytask.version import __version__

__all__ = [
    "Card",
    "Cell",
    "Code",
    "Fold",
    "Gallery",
    "Mark",
    "Notes",
    "Page",
    "Part",
    "Plot",
    "Plots",
    "Section",
    "Table",
    "Text",
    "Tile",
    "rehearse_report",
    "report_environment",
    "write_page",
]

_LONG = 12  # letters of a word that is never broken
_PIECES = re.compile(r"[^_/.\-]{1,14}[_/.\-]*|[_/.\-]{1,14}")
_PICTURE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True, slots=True)
class Mark:
    """A text in a tone: ``"good"``, ``"bad"`` or ``"muted"``; the tone is never all that tells."""

    text: str
    tone: str = ""


Cell: TypeAlias = str | Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A figure on top of the page: what it is, its value, and a few words."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; on a phone each row becomes a block.

    Args:
        caption: What it holds.
        headings: Of the columns; the first column names the rows.
        rows: As many cells each.
        texts: The columns, by index, that are no figures.
    """

    form: ClassVar[str] = "table"
    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    texts: Sequence[int] = (0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A picture as SVG of our own making; see `polytask.report.charts.canvas.chart` and `svg.svg_plot`."""

    form: ClassVar[str] = "plot"
    svg: str
    title: str
    caption: str = ""
    wide: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plots:
    """Pictures beside each other, where there is room."""

    form: ClassVar[str] = "plots"
    plots: Sequence[Plot]


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    form: ClassVar[str] = "text"
    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Notes:
    """A list of sentences."""

    form: ClassVar[str] = "notes"
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be typed."""

    form: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """An example in a gallery: a picture or a text, and what was said of it.

    Args:
        image: As ``data:image/png;base64,...``; empty for none. Anything else is not shown.
        text: In its place.
        words: Below it.
        tone: ``"good"``, ``"bad"`` or ``""``.
    """

    image: str = ""
    text: str = ""
    words: str = ""
    tone: str = ""

    @property
    def picture(self) -> str:
        """The picture, if it is one."""
        return self.image if _PICTURE.fullmatch(self.image) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Examples side by side."""

    form: ClassVar[str] = "gallery"
    caption: str
    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Parts that are shown when they are asked for."""

    form: ClassVar[str] = "fold"
    title: str
    parts: "Sequence[Part]"
    open: bool = False


Part: TypeAlias = Table | Plot | Plots | Text | Notes | Code | Gallery | Fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and what stands below it."""

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A report.

    Args:
        title: What it is about.
        headline: The answer in a sentence.
        tone: Whether that is ``"good"``, ``"bad"`` or ``""``.
        lead: What belongs to it, in smaller letters.
        more: What else has to be known at once.
        cards: The figures on top.
        sections: In the order in which they are read.
    """

    title: str
    headline: str
    lead: str = ""
    tone: str = ""
    more: Sequence[str] = ()
    cards: Sequence[Card] = ()
    sections: Sequence[Section] = field(default_factory=list)

    def render(self) -> str:
        """Return the page as HTML.

        Raises:
            MissingPackageError: jinja2 is not installed.
        """
        import torch

        environment = report_environment()
        environment.filters |= {"shown": _shown, "breakable": _breakable}
        text = (files("polytask.report") / "report.html.j2").read_text(encoding="utf-8")
        footer = (
            f"polytask {__version__}, torch {torch.__version__}, Python {platform.python_version()}, "
            f"{platform.machine()} with {counted(torch.get_num_threads(), 'thread')}"
        )
        return environment.from_string(text).render(page=self, footer=footer)


def rehearse_report(*, drawn: bool = True) -> None:
    """Try whether reports can be made; ask before the work that they tell of, not after it.

    Args:
        drawn: Whether Matplotlib will draw in it.

    Raises:
        MissingPackageError: jinja2 or matplotlib is not installed.
    """
    report_environment()
    if drawn:
        with drawing():
            pass


def _shown(text: str) -> str:
    """Replace what nobody could read, and keep figures and their units in one line."""
    return re.sub(r" (±) | (%)", lambda found: "\u00a0±\u00a0" if found[1] else "\u00a0%", printable(text))


def _breakable(text: str) -> Any:
    """Let a long word be broken where it has joints, or anywhere: in a cell it would push others aside."""
    from markupsafe import Markup, escape

    words = re.split(r"( +)", _shown(text))
    return Markup("").join(
        Markup("<wbr>").join(escape(piece) for piece in _PIECES.findall(word))
        if len(word) > _LONG
        else escape(word)
        for word in words
    )


def report_environment() -> Any:
    """Return what fills templates: every text is escaped.

    Raises:
        MissingPackageError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise MissingPackageError("jinja2", extra="report", purpose="the HTML report") from error
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def write_page(page: Page, path: str | Path) -> Path:
    """Write a report; whole or not at all.

    Raises:
        MissingPackageError: jinja2 is not installed.
        InputError: The file cannot be written.
    """
    content = sealed(page.render())
    target = user_path(path)
    write_atomically(target, lambda file: file.write(content))
    return target
