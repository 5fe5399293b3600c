"""Comparisons with models of tasks try few forms of prior."""

from tests.few_forms import few_forms

__all__ = ["few_forms"]
