"""The blocks of a page: found, made anew, and taken out."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.figures.tables import TABLES
from benchmarks.figures.values import MissingError, value

__all__ = ["MARKS", "rewritten", "without_blocks"]

MARKS = ("paper", "gpu", "teaching", "setting", "once")
"""What a number is that no result file has."""
START = re.compile(rf"<!-- (?:figures: (?P<name>.*?)|(?P<mark>{'|'.join(MARKS)})) -->")
END = "<!-- end -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of a page between two markers.

    Args:
        name: Of the table or value; empty for a mark.
        start, stop: Of what stands between the markers.
        outer: Start of the first marker.
    """

    name: str
    start: int
    stop: int
    outer: int


def rewritten(text: str, *, language: str) -> tuple[str, list[tuple[int, str]]]:
    """Return a page with its blocks made anew, and what is wrong with it by line."""
    faults = list(_faults(text))
    parts, done = [], 0
    for block in _blocks(text):
        parts.append(text[done : block.start])
        done = block.start
        if not block.name:
            continue
        try:
            made = _made(block.name, language)
        except MissingError as error:
            faults.append((_line(text, block.start), str(error)))
            continue
        inline = text[block.start : block.start + 1] != "\n"
        parts.append(made if inline else f"\n{made}\n")
        done = block.stop
    return "".join([*parts, text[done:]]), faults


def without_blocks(text: str) -> str:
    """Return a page with blank lines in place of its blocks, so that lines keep their numbers."""
    parts, done = [], 0
    for block in _blocks(text):
        parts += [text[done : block.outer], "\n" * text[block.outer : block.stop].count("\n")]
        done = block.stop + len(END)
    return "".join([*parts, text[done:]])


def _made(name: str, language: str) -> str:
    if " > " in name:
        return value(name, language=language)
    table, *given = name.split(" ")
    if table not in TABLES:
        raise MissingError(f"there is no table `{table}`; there are {', '.join(sorted(TABLES))}")
    make: Callable[..., str] = TABLES[table]
    return make(*given)


def _blocks(text: str) -> Iterator[Block]:
    position = 0
    while found := START.search(text, position):
        stop = text.find(END, found.end())
        if stop < 0:
            return
        yield Block(name=found["name"] or "", start=found.end(), stop=stop, outer=found.start())
        position = stop + len(END)


def _faults(text: str) -> Iterator[tuple[int, str]]:
    """Tell what would not be read or shown as it is meant."""
    for found in START.finditer(text):
        stop = text.find(END, found.end())
        inner = START.search(text, found.end())
        if stop < 0 or (inner is not None and inner.start() < stop):
            yield _line(text, found.start()), f"`{found[0]}` has no `{END}` of its own"
        before = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        if not before.strip() and text[found.end() : found.end() + 1] != "\n":
            yield (
                _line(text, found.start()),
                "a marker at the start of a line makes all of it raw HTML; put a word before it",
            )


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
