"""Pages as Sphinx wants them: links to files of the repository, lists of pages that may be to come."""

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

__all__ = ["setup"]

PAGES = {
    "../CONTRIBUTING.md": "contributing.md",
    "../CHANGELOG.md": "changelog.md",
    "../README.md": "index.md",
}
PATTERN = re.compile(r"^((?:[a-z]+/)*[a-z]*\*)\n", re.M)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)]+)\)")


def rewritten(text: str) -> str:
    """Return a page whose links all stay in the site."""

    def link(found: re.Match[str]) -> str:
        words, path = found.groups()
        if path in PAGES:
            return f"[{words}]({PAGES[path]})"
        if path.endswith(".png"):
            return f"![{words}]({path})"
        return (
            f"`{path.removeprefix('../')}`"
            if path.rstrip("/").endswith(words.rstrip("/"))
            else f"{words} (`{path[3:]}`)"
        )

    return LINK.sub(link, text)


def without_empty(text: str, folder: Path) -> str:
    """Return a page without the patterns of a table of contents that no page matches."""
    return PATTERN.sub(lambda line: line[0] if any(folder.glob(line[1] + ".*")) else "", text)


def change(app: Sphinx, docname: str, source: list[str]) -> None:
    """Change what Sphinx has read."""
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".md" and "/" not in docname:
        source[0] = without_empty(rewritten(source[0]), path.parent)


def setup(app: Sphinx) -> dict[str, Any]:
    """Watch what is read."""
    app.connect("source-read", change)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
