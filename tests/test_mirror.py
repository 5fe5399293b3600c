"""Tests mirror the source: each method's file has its test file, and a test file is of a source file."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "polytask"
NO_METHODS = {"__init__", "catalogue", "entry"}
OF_MANY = {"contract", "learned_from_validation", "refusals"}
"""What several methods share."""
MIRRORED = [
    "architectures",
    *(f"balancing/{name}" for name in ("methods", "solvers", "state", "step", "wrappers")),
    "datasets",
    *(f"meta/{name}" for name in ("initialization", "layers", "metric", "model", "optimization")),
]


def names(folder: Path, before: str = "") -> set[str]:
    return {file.stem.removeprefix(before) for file in folder.glob(f"{before}*.py")}


@pytest.mark.parametrize("folder", ["architectures", "balancing/methods"])
def test_every_method_has_its_test_file(folder: str) -> None:
    assert not names(SOURCE / folder) - NO_METHODS - names(TESTS / folder, "test_")


@pytest.mark.parametrize("folder", MIRRORED)
def test_a_test_file_has_the_name_of_what_it_tests(folder: str) -> None:
    assert not names(TESTS / folder, "test_") - names(SOURCE / folder) - OF_MANY


def test_no_doctest_is_among_tests_where_none_is_looked_for() -> None:
    prompt = re.compile(r"^\s*>>> ", re.MULTILINE)
    assert [file for file in TESTS.rglob("*.py") if prompt.search(file.read_text())] == []


def test_the_tests_that_are_listed_as_slow_are_there() -> None:
    for line in (TESTS / "slow.txt").read_text(encoding="utf-8").splitlines():
        file, name = line.split("::")
        text = (TESTS.parent / file).read_text(encoding="utf-8")
        assert f"def {name.split('[')[0]}(" in text, line
