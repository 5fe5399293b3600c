"""The tables of the pages, by name."""

from benchmarks.figures.tables import few_shot, joint, learning, pictures, speed  # noqa: F401 - they list their tables
from benchmarks.figures.tables.registry import TABLES

__all__ = ["TABLES"]
