"""Makes docs/warrant.md of the results: nothing in it is typed by hand."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

__all__ = ["write_page"]

PAGE = Path(__file__).parents[2] / "docs" / "warrant.md"

HEAD = """# Where meta-gradients are right

<!-- Made by `python -m benchmarks.warrant` of its results; edit benchmarks/warrant/page.py. -->

A wrong meta-gradient still trains, only worse, and nothing tells. So every layer below was put into a small
net and learned by every algorithm and execution, in float64; `polytask.execution.check_meta_gradient` held
the gradient of each execution against a plain loop, in evaluation and in training mode, and the loop against
finite differences, along random directions and within each parameter tensor. A cell is **right** if all agree
to a millionth, **refused** if polytask says no with a reason, **failed** if torch raises an error, and
**wrong** if there is a number that is not the derivative.
"""

LEGEND = """
In a cell: how many executions are right (of loop, vmap, chunked; threads where they were tried; forward where
the algorithm takes no gradient itself; compiled for some layers); a small letter leads to the reason of what
is not. `FOMAML` and `Reptile` drop second derivatives on purpose; their executions are compared with the loop
alone.
"""


def write_page(results: Path, page: Path = PAGE) -> None:
    """Write the page of the results in a folder."""
    versions = [json.loads(path.read_text("utf-8")) for path in sorted(results.glob("torch-*.json"))]
    parts = [HEAD, _summary(versions)]
    if versions:
        parts += [LEGEND, *(_grid(record) for record in versions)]
    peers = results / "peers.json"
    if peers.exists():
        parts.append(_peers(json.loads(peers.read_text("utf-8"))))
    page.write_text("\n".join(part.strip("\n") + "\n" for part in parts), encoding="utf-8")


def _summary(versions: list[dict[str, Any]]) -> str:
    lines = ["| torch | cells | right | refused | failed | wrong |", "| --- | --: | --: | --: | --: | --: |"]
    for record in versions:
        counts = Counter(cell["outcome"] for cell in record["cells"])
        numbers = [len(record["cells"]), *(counts[name] for name in ("right", "refused", "failed", "wrong"))]
        lines.append(f"| {record['machine']['torch']} | " + " | ".join(map(str, numbers)) + " |")
    return "\n".join(lines)


def _grid(record: dict[str, Any]) -> str:
    cells = record["cells"]
    layers = list(dict.fromkeys(cell["layer"] for cell in cells))
    algorithms = list(dict.fromkeys(cell["algorithm"] for cell in cells))
    reasons: dict[str, str] = {}
    lines = [
        f"## polytask on torch {record['machine']['torch']}\n",
        "| layer | " + " | ".join(algorithms) + " |",
        "| --- |" + " --- |" * len(algorithms),
    ]
    for layer in layers:
        row = [
            _text([c for c in cells if (c["layer"], c["algorithm"]) == (layer, a)], reasons)
            for a in algorithms
        ]
        lines.append(f"| {layer} | " + " | ".join(row) + " |")
    notes = [f"- **{letter}**: {reason}" for reason, letter in reasons.items()]
    return "\n".join([*lines, "", *notes])


def _text(cells: list[dict[str, Any]], reasons: dict[str, str]) -> str:
    right = sum(cell["outcome"] == "right" for cell in cells)
    words = [f"{right} right"] if right else []
    for outcome in ("refused", "failed", "wrong"):
        found = [cell for cell in cells if cell["outcome"] == outcome]
        if not found:
            continue
        letters = sorted({_letter(_reason(cell), reasons) for cell in found})
        names = ", ".join(cell["execution"] for cell in found if cell["execution"] != "all")
        shown = f"**{outcome}**" if outcome == "wrong" else outcome
        words.append(f"{names} {shown} ".lstrip() + " ".join(f"<sup>{letter}</sup>" for letter in letters))
    return "; ".join(words)


def _reason(cell: dict[str, Any]) -> str:
    kind, _, told = cell["reason"].partition(": ")
    return f"{kind}: ``{told}``" if told and kind.isidentifier() else cell["reason"]


def _letter(reason: str, reasons: dict[str, str]) -> str:
    """Give a reason its letter; two that differ in numbers and in names of parts alone have one."""
    same = next((told for told in reasons if _kind(told) == _kind(reason)), reason)
    index = len(reasons)
    return reasons.setdefault(same, chr(97 + index % 26) * (1 + index // 26))


def _kind(reason: str) -> str:
    return re.sub(r"\d+|episodes of \w+ at once|`(encoder|model)\.[^`]*`|, \d+", "", reason)[:150]


def _peers(record: dict[str, Any]) -> str:
    cells = record["cells"]
    names = list(dict.fromkeys(cell["execution"] for cell in cells))
    layers = list(dict.fromkeys(cell["layer"] for cell in cells))
    versions = {k: v for k, v in record["machine"].items() if k not in ("python", "instruction set")}
    lines = [
        "## The same nets through other libraries\n",
        "MAML of 2 steps, the gradient of the mean loss over 3 tasks, against a plain loop that passes",
        "finite differences; the number is how far off the worst parameter tensor is, relative to itself.",
        "In training mode, as these libraries train, but for dropout and frozen statistics. Versions: "
        + "; ".join(f"{name} {value}" for name, value in versions.items())
        + ".\n",
        "| layer | " + " | ".join(names) + " |",
        "| --- |" + " --- |" * len(names),
    ]
    for layer in layers:
        row = []
        for name in names:
            cell = next(c for c in cells if (c["layer"], c["execution"]) == (layer, name))
            row.append({
                "right": "right",
                "wrong": f"**wrong** by {cell['error'] or 0:.0e}",
                "failed": "failed: `" + cell["reason"].split(": ")[0] + "`",
                "unknown": "not known: the loop has no derivative",
            }[cell["outcome"]])  # fmt: skip
        lines.append(f"| {layer} | " + " | ".join(row) + " |")
    return "\n".join(lines)
