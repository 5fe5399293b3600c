"""Living classes: what is added, corrected, renamed and removed."""

import pytest
import torch

from polytask.core import DataError, InputError
from polytask.models.known_examples import KnownExamples


def known() -> KnownExamples:
    return KnownExamples.of(torch.arange(6.0).reshape(3, 2), ["b", "a", "b"], ["x", "y", "z"])


def test_examples_are_grouped_by_class() -> None:
    examples = known()
    assert examples.classes == ("a", "b")
    assert examples.names == {"a": ("y",), "b": ("x", "z")}
    rows, labels = examples.rows()
    assert rows.tolist() == [[2, 3], [0, 1], [4, 5]]
    assert labels.tolist() == [0, 1, 1]


def test_a_change_leaves_the_examples_that_it_began_with() -> None:
    before = known()
    after = before.added(torch.ones(2, 2), ["c", "a"], ["u", "v"])
    assert (len(before), before.classes) == (3, ("a", "b"))
    assert after.names == {"a": ("y", "v"), "b": ("x", "z"), "c": ("u",)}
    assert after.features["b"] is before.features["b"]


def test_a_corrected_example_moves_with_its_features() -> None:
    after = known().corrected("z", "a")
    assert after.names == {"a": ("y", "z"), "b": ("x",)}
    assert after.features["a"].tolist() == [[2, 3], [4, 5]]
    assert known().corrected("z", "b").names == known().names


def test_renaming_keeps_the_place_and_removing_the_rest() -> None:
    assert known().renamed("a", "q").classes == ("q", "b")
    assert known().without_class("a").classes == ("b",)
    assert known().without_example("x").names["b"] == ("z",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: held.corrected("w", "a"), "no example 'w'"),
        (lambda held: held.without_example("y"), "last example of class 'a'"),
        (lambda held: held.without_class("c"), "no class 'c'"),
        (lambda held: held.renamed("a", "b"), "a class 'b' already"),
        (lambda held: held.added(torch.ones(1, 2), ["a"], ["y"]), "an example 'y' already"),
        (lambda held: held.added(torch.ones(2, 2), ["n", "n"], ["k", "k"]), "an example 'k' already"),
    ],
)
def test_what_cannot_be_is_said(change: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        change(known())  # pyright: ignore[reportCallIssue]


def test_a_name_in_two_classes_is_not_guessed() -> None:
    twice = known().added(torch.ones(1, 2), ["c"], ["x"])
    with pytest.raises(DataError, match="Classes b, c each have an example 'x'"):
        twice.corrected("x", "a")


@pytest.mark.parametrize("name", [None, 3, "", "  ", "half\ud800", " q", "e\u0301"])
def test_a_class_has_a_name_that_a_label_could_have(name: str) -> None:
    with pytest.raises(InputError, match="Write "):
        known().renamed("a", name)
    with pytest.raises(InputError, match="Write "):
        known().corrected("z", name)


def test_a_class_may_be_called_in_any_language() -> None:
    assert known().renamed("a", "猫 \u00e9").classes == ("猫 \u00e9", "b")
