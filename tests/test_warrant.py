"""The warrant grid: its cells come from the check, and its page says all that is in the results."""

import json
from pathlib import Path

from benchmarks.warrant.algorithms import ALGORITHMS, learner_of
from benchmarks.warrant.grid import cells
from benchmarks.warrant.layers import LAYERS
from benchmarks.warrant.page import write_page


def test_layer_norm_by_maml_is_right_by_every_execution() -> None:
    found = list(cells(["LayerNorm"], ["MAML"]))
    assert [cell.execution for cell in found] == ["loop", "vmap", "chunked", "threads"]
    assert {cell.outcome for cell in found} == {"right"}
    assert all(cell.exact and cell.error is not None and cell.error < 1e-6 for cell in found)


def test_a_layer_without_second_derivative_is_no_number() -> None:
    (cell,) = cells(["cdist"], ["MAML"])
    assert cell.outcome in ("failed", "refused")
    assert "derivative" in cell.reason


def test_the_grid_is_large_and_every_learner_has_parameters() -> None:
    assert len(LAYERS) * len(ALGORITHMS) >= 200
    assert all(any(True for _ in learner_of(name, "Linear").parameters()) for name in ALGORITHMS)


def record(**more: object) -> dict[str, object]:
    plain = {"layer": "Linear", "algorithm": "MAML", "execution": "vmap", "outcome": "right", "error": 1e-12}
    return {**plain, "reason": "", "exact": True, **more}


def test_the_page_counts_names_reasons_and_marks_what_is_wrong(tmp_path: Path) -> None:
    results = [
        record(),
        record(execution="loop"),
        record(
            layer="cdist", execution="all", outcome="failed", error=None, reason="RuntimeError: no derivative"
        ),
        record(layer="Odd", outcome="wrong", error=0.25, reason="unlike the loop"),
    ]
    where = {"torch": "9.9", "python": "3.11", "instruction set": "AVX2"}
    (tmp_path / "torch-9.9.json").write_text(json.dumps({"machine": where, "cells": results}))
    peers = [record(execution="higher"), record(layer="Odd", execution="higher", outcome="wrong", error=2e-3)]
    (tmp_path / "peers.json").write_text(json.dumps({"machine": {"higher": "0.2.1"}, "cells": peers}))
    page = tmp_path / "warrant.md"
    write_page(tmp_path, page)
    text = page.read_text()
    assert "| 9.9 | 4 | 2 | 0 | 1 | 1 |" in text
    assert "| Linear | 2 right |" in text
    assert "failed <sup>a</sup>" in text
    assert "- **a**: RuntimeError: ``no derivative``" in text
    assert "vmap **wrong** <sup>b</sup>" in text
    assert "**wrong** by 2e-03" in text
    assert "higher 0.2.1" in text
