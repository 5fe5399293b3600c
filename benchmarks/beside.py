"""A table of stored figures beside fresh ones, with what differs in how they were measured."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.scripts import FOLDERS, HERE

__all__ = ["beside"]

MOST_ROWS = 40
NOT_SHOWN = (
    "second",
    "minute",
    "cells",
    "by seed",
    "by split",
    "by target",
    "note",
    "failed",
    "mib",
    "seeds",
)
"""Parts of the names of entries that are left out: what came out by run, and what is no result."""


def beside(folder: Path) -> str:
    """Return Markdown of all results in a folder, beside the committed ones of their names."""
    parts = ["# Stored and fresh\n\nThe fast tier has fewer seeds, steps and rounds; see the settings.\n"]
    for fresh_file in sorted(folder.glob("*.json")):
        stored_file = next(
            (file for name in FOLDERS if (file := HERE / name / "results" / fresh_file.name).is_file()), None
        )
        if stored_file is None:
            parts.append(f"## {fresh_file.stem}\n\nNothing is stored.\n")
            continue
        stored, fresh = (json.loads(file.read_text("utf-8")) for file in (stored_file, fresh_file))
        parts.append(_of_file(fresh_file.stem, stored, fresh))
    return "\n".join(parts)


def _of_file(name: str, stored: dict[str, Any], fresh: dict[str, Any]) -> str:
    theirs, ours = dict(_leaves(stored["figures"])), dict(_leaves(fresh["figures"]))
    both = [path for path in ours if path in theirs]
    lines = [
        f"## {name}",
        "",
        _settings(stored, fresh),
        "",
        "| figure | stored | fresh |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {path} | {theirs[path]} | {ours[path]} |" for path in both[:MOST_ROWS]]
    if len(both) > MOST_ROWS:
        lines.append(f"| and {len(both) - MOST_ROWS} more in the files | | |")
    return "\n".join([*lines, ""])


def _settings(stored: dict[str, Any], fresh: dict[str, Any]) -> str:
    names = [name for name in fresh["setting"] if fresh["setting"][name] != stored["setting"].get(name)]
    told = [f"{name}: {stored['setting'].get(name)} stored, {fresh['setting'][name]} here" for name in names]
    where = [
        record["hardware"].get("processor", record["hardware"].get("machine", "unknown"))
        for content in (stored, fresh)
        for record in content["recorded"][-1:]
    ]
    return "; ".join([*told, f"processor: {' stored, '.join(where)} here"]) + "."


def _leaves(content: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield numbers and intervals with the path to them."""
    if isinstance(content, dict) and {"mean", "half_width"} <= content.keys():
        half = content["half_width"]
        yield path, f"{content['mean']:.4g}" + (f" ± {half:.2g}" if isinstance(half, int | float) else "")
    elif isinstance(content, dict):
        for name, value in content.items():
            if not any(word in name.lower() for word in NOT_SHOWN):
                yield from _leaves(value, f"{path}, {name}" if path else name)
    elif isinstance(content, float | int) and not isinstance(content, bool):
        yield path, f"{content:.4g}"
    elif isinstance(content, str) and "±" in content:
        yield path, content
