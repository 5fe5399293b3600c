"""The warrant grid: where meta-gradients are right, refused or wrong, here and in other libraries.

    python -m benchmarks.warrant                          # all, with peers; then docs/warrant.md
    python -m benchmarks.warrant --layers Linear GELU --algorithms MAML   # these cells anew, others stay
    python -m benchmarks.warrant --only polytask          # for another version of torch
    python -m benchmarks.warrant --only page

Writes ``results/torch-VERSION.json`` with one record for each cell, and ``results/peers.json``; the page is
made of all that lie there. In float64 on one thread; about ten minutes.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from benchmarks.warrant.algorithms import ALGORITHMS
from benchmarks.warrant.grid import Cell, cells, machine
from benchmarks.warrant.layers import LAYERS
from benchmarks.warrant.page import write_page
from benchmarks.warrant.peers import peer_cells, peer_versions

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Read the command line, compute the cells and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--layers", nargs="*", choices=list(LAYERS), default=[])
    parser.add_argument("--algorithms", nargs="*", choices=list(ALGORITHMS), default=[])
    parser.add_argument("--only", choices=["polytask", "peers", "page"], default=None)
    parser.add_argument("--not-compiled", action="store_true", help="leave the compiled execution out")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.results.mkdir(parents=True, exist_ok=True)
    if given.only in (None, "polytask"):
        found = _told(cells(given.layers, given.algorithms, compiled=not given.not_compiled))
        _write(given.results / f"torch-{machine()['torch']}.json", machine(), found)
    if given.only in (None, "peers"):
        found = _told(peer_cells(given.layers))
        _write(given.results / "peers.json", {**machine(), **peer_versions()}, found)
    write_page(given.results)


def _told(found: Iterable[Cell]) -> list[Cell]:
    """Print what is not right as it comes, and the counts."""
    kept = []
    for cell in found:
        kept.append(cell)
        if cell.outcome != "right":
            error = "" if cell.error is None else f" by {cell.error:.0e}"
            print(
                f"{cell.outcome}{error}: {cell.layer}, {cell.algorithm}, {cell.execution}: {cell.reason}",
                flush=True,
            )
    print(dict(Counter(cell.outcome for cell in kept)), flush=True)
    return kept


def _write(path: Path, where: dict[str, str], found: list[Cell]) -> None:
    """Write cells in the order of the grid, in place of those of the same layer, algorithm and execution."""
    records = [asdict(cell) for cell in found]
    done = {_place(record) for record in records}
    if path.exists():
        before = json.loads(path.read_text("utf-8"))["cells"]
        records += [cell for cell in before if _place(cell) not in done]
    layers, algorithms = list(LAYERS), list(ALGORITHMS)
    executions = list(dict.fromkeys(cell["execution"] for cell in records))
    records.sort(
        key=lambda cell: (
            layers.index(cell["layer"]),
            algorithms.index(cell["algorithm"]),
            executions.index(cell["execution"]),
        )
    )
    content = {"machine": where, "cells": records}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _place(cell: Mapping[str, Any]) -> tuple[str, str, str]:
    return cell["layer"], cell["algorithm"], cell["execution"]


if __name__ == "__main__":
    main()
