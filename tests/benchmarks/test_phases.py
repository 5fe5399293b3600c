"""Benchmarks that time the parts of a fit name them by their places, which move."""

import importlib

import pytest
from benchmarks.scripts import loaded


@pytest.mark.parametrize("script", ["large_tables", "many_tasks"])
def test_every_part_that_is_timed_is_there(script: str) -> None:
    found = loaded(script).PHASES
    assert found
    for phase in found.values():
        module, name = phase if isinstance(phase, tuple) else ("polytask.fitting.task_table_fit", phase)
        assert callable(getattr(importlib.import_module(module), name)), f"{module}.{name}"
