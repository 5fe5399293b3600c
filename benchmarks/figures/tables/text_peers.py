"""The table of other libraries for a few labelled texts."""

from typing import Any

from benchmarks.figures.tables.registry import markdown, shown, table
from benchmarks.figures.values import number, read


@table("text-peers")
def text_peers() -> str:
    """`polytask.adapt` beside other libraries for a few labelled texts, with the same weights."""
    found = read("text-peers")["figures"]
    rows = []
    for name, label in (
        ("intents-30-ways-5-shots", "30 intents, 5 each"),
        ("intents-30-ways-1-shot", "30 intents, 1 each"),
        ("intents-150-ways-5-shots", "150 intents, 5 each"),
        ("docstrings-by-library, 5 each", "docstrings, 5 each"),
        ("docstrings-by-library, 1 each", "docstrings, 1 each"),
        ("chat-by-topic, 5 each", "chats, 5 each"),
        ("chat-by-topic, 1 each", "chats, 1 each"),
    ):
        for way, cell in found.get(name, {}).items():
            rows.append([label if way == "polytask.adapt" else "", way, *_of_way(cell)])
    header = ["", "", "accuracy, %", "more than `adapt`, points", "calibration error", "to adapt, s"]
    return markdown([*header, "a query, ms"], rows)


def _of_way(cell: dict[str, Any]) -> list[str]:
    """Return what a way reached, or why it was left out."""
    if "left out" in cell:
        if cell["left out"] != "budget":
            return [f"left out: {cell['left out']}", "", "", "", ""]
        seconds = cell["seconds of a step"]
        hours = cell["steps"] * seconds / 3600
        told = f"left out: {cell['steps']:,} steps of {number(seconds, 2)} s are {number(hours, 1)} hours"
        return [told, "", "", "", ""]
    more = cell.get("accuracy, more than polytask.adapt")
    return [
        shown(cell["accuracy"], 1, scale=100),
        "" if more is None else shown(more, 1, scale=100, plus=True),
        number(cell["calibration error"]["mean"], 3),
        number(cell["seconds to adapt"]["mean"], 1),
        number(cell["ms a query"]["mean"], 1),
    ]
