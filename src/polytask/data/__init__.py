"""Tasks from tables, arrays and image sets; sampling, splits and leak checks."""

from polytask.data.examples import LabelledExamples
from polytask.data.source import Source

__all__ = ["LabelledExamples", "Source"]
