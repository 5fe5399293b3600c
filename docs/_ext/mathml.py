"""Formulas as MathML, which browsers draw themselves: no script, and nothing from the network."""

import html
import re
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

__all__ = ["setup"]

LOGGER = logging.getLogger(__name__)
NAMESPACE = "http://www.w3.org/1998/Math/MathML"
ENTITY = re.compile(r"&(?!amp;|lt;|gt;|quot;|apos;|#)\w+;")
ACCENTS = "~^ˆ˜¯ˉ‾˙→"
ALIKE = {r"\dots": r"\ldots", r"\textstyle": "", r"\Big[": "[", r"\Big]": "]", r"\bigl": "", r"\bigr": ""}
"""What docutils does not know -> what looks (nearly) the same."""


def mathml(text: str, *, inline: bool, where: nodes.Node) -> str:
    """Return a formula as MathML; one that cannot be read is shown as code, with a warning."""
    for ours, theirs in ALIKE.items():
        text = text.replace(ours, theirs)
    try:
        found = tex2mathml(text if inline else _with_environment(text), as_block=not inline)
    except MathError as error:
        LOGGER.warning("the formula %r cannot be shown: %s", text, error, location=where)
        return f"<code>{html.escape(text)}</code>"
    return _indices_beside(found)


def _indices_beside(found: str) -> str:
    """Put the index of a letter with an accent beside it, where docutils puts it below."""
    ElementTree.register_namespace("", NAMESPACE)
    # XML knows five names of characters, HTML many.
    root = ElementTree.fromstring(ENTITY.sub(lambda name: html.unescape(name[0]), found))
    for element in root.iter(f"{{{NAMESPACE}}}munderover"):
        letter, index, accent = element
        if (accent.text or "") not in ACCENTS or accent.get("stretchy") != "false":
            continue
        element.tag = f"{{{NAMESPACE}}}msub"
        element[:] = [ElementTree.Element(f"{{{NAMESPACE}}}mover", accent="true"), index]
        element[0].extend([letter, accent])
    return ElementTree.tostring(root, encoding="unicode")


def _with_environment(text: str) -> str:
    """Return several lines within an environment that aligns them."""
    if r"\\" not in text or r"\begin" in text:
        return text
    return rf"\begin{{aligned}}{text}\end{{aligned}}"


def visit_inline(self: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    self.body.append(mathml(node.astext(), inline=True, where=node))
    raise nodes.SkipNode


def visit_display(self: Any, node: nodes.math_block) -> None:
    """Write a formula on lines of its own; what is wider than the page can be scrolled."""
    self.body.append(f'<div class="math">{mathml(node.astext(), inline=False, where=node)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the renderer `mathml`."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
