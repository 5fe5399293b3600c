"""Sets of classes in a cell: names come back as they were, whatever they hold."""

import pytest

from polytask.models.class_sets import read_escaped_set, read_set, written_set


@pytest.mark.parametrize(
    "names", [["a"], ["a", "b"], ["a|b", "c"], ['["a"]'], ["[x", "b"], ["a\\|b", "c"], ["猫", "'\""]]
)
def test_names_come_back(names: list[str]) -> None:
    assert read_set(written_set(names)) == names


@pytest.mark.parametrize("names", [["a"], ["a", "b"], ["a|b", "c"], ["|"], ["["], ["a", "b|", "|c"]])
def test_names_of_a_table_come_back(names: list[str]) -> None:
    assert read_escaped_set("|".join(name.replace("|", "\\|") for name in names)) == names
