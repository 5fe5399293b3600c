"""Tests mirror the source: each method's file has its test file, and a test file is of something."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "polytask"
NO_METHODS = {"__init__", "catalogue", "entry"}
MANY = {"contract", "learned_from_validation", "refusals"}
"""What several methods share."""


@pytest.mark.parametrize("folder", ["architectures", "balancing/methods"])
def test_every_method_has_its_test_file(folder: str) -> None:
    methods = {file.stem for file in (SOURCE / folder).glob("*.py")} - NO_METHODS
    tests = {file.stem.removeprefix("test_") for file in (TESTS / folder).glob("test_*.py")}
    assert not methods - tests, "without a test file"
    assert not tests - methods - MANY, "of nothing that is there"
