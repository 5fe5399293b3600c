"""A few cases of each generator of hostile input; ``make fuzz`` runs thousands."""

import importlib.util

import pytest
from fuzz.__main__ import CASES
from fuzz.worker import outcome
from tests.few_forms import few_forms

__all__ = ["few_forms"]

GENERATORS = [name for name in CASES if importlib.util.find_spec(f"fuzz.{name}")]


@pytest.mark.parametrize("first", range(0, 16, 8))
@pytest.mark.parametrize("module", GENERATORS)
def test_hostile_input_is_answered_or_refused_with_an_error_of_ours(module: str, first: int) -> None:
    faults = [found["fault"] for seed in range(first, first + 8) if (found := outcome(module, seed))["fault"]]
    assert not faults, "\n".join(map(str, faults))
