"""Where tables are listed by name, and how one is written."""

from collections.abc import Callable, Iterable, Sequence

from benchmarks.figures.values import interval, number

__all__ = ["TABLES", "markdown", "shown", "table"]

TABLES: dict[str, Callable[..., str]] = {}
"""By the name that a page says after ``figures:``."""


def table(name: str) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """List a function that makes a table; it takes what follows the name on the page."""

    def listed(make: Callable[..., str]) -> Callable[..., str]:
        TABLES[name] = make
        return make

    return listed


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [list(header), ["---"] * len(header), *map(list, rows)]
    return "\n".join("|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|" for cells in lines)


def shown(leaf: object, digits: int | None = None, *, scale: float = 1.0, plus: bool = False) -> str:
    """Write a value of a result file, with its half width where it has one."""
    mean, half = interval(leaf)
    text = number(mean * scale, digits, plus=plus)
    return text if half is None else f"{text} ± {number(half * scale, digits)}"
