"""The tables of the pages, by name."""

from benchmarks.figures.tables import (  # noqa: F401 - they list their tables
    few_shot,
    joint,
    learning,
    pictures,
    speed,
    text_peers,
)
from benchmarks.figures.tables.registry import TABLES

__all__ = ["TABLES"]
