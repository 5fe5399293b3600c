"""Pieces of reStructuredText, and the writing of pages that change only where they must."""

from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["listing", "title", "write_pages"]


def title(text: str, line: str) -> str:
    """Return a heading, underlined."""
    return f"{text}\n{line * max(4, 2 * len(text))}\n"


def listing(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, widths: Sequence[int] | None = None
) -> str:
    """Return a table, a row for each of ``rows``; cells hold reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1"]
    if widths:
        lines.append(f"   :widths: {' '.join(map(str, widths))}")
    lines.append("")
    for row in (head, *rows):
        for index, cell in enumerate(row):
            first, *others = cell.split("\n") or [""]
            lines.append(f"   {'*' if index == 0 else ' '} - {first}".rstrip())
            lines += [f"       {other}".rstrip() for other in others]
    return "\n".join(lines) + "\n"


def write_pages(folder: Path, pages: Mapping[str, str]) -> None:
    """Write pages by path; remove others of before, and touch none whose text is the same."""
    for old in folder.rglob("*.rst"):
        if old.relative_to(folder).as_posix() not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
