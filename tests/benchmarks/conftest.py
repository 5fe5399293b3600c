"""The modules of `benchmarks/`, loaded as its scripts see them."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

QUALITY = Path(__file__).parents[2] / "benchmarks" / "quality"


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The writer of results."""
    monkeypatch.syspath_prepend(str(QUALITY))
    sys.modules.pop("results", None)
    return importlib.import_module("results")
