"""Targets whose classes come with the tasks."""

import pandas as pd
import pytest

from polytask.core import InputError
from polytask.models.own_classes import own_target, read_own_target, with_classes


@pytest.mark.parametrize("classes", [(), ("a",), ("a", "b"), ("b", "a", "c")])
def test_a_target_comes_back_with_its_classes_in_their_order(classes):
    target = own_target("kind", classes, classes)
    again = read_own_target(target.to_json())
    assert again.classes == classes and again.labels == classes and again.task == target.task


def test_new_classes_come_behind_and_keep_their_type():
    target = with_classes(own_target("kind"), pd.Series([3, 1, 3]))
    target = with_classes(target, pd.Series([1, 7]))
    assert target.classes == ("3", "1", "7") and target.labels == (3, 1, 7)
    assert with_classes(target, pd.Series([3.0])) is target  # written in another way
    mixed = with_classes(target, pd.Series(["red"]))
    assert mixed.labels == ("3", "1", "7", "red")  # text, as types differ


@pytest.mark.parametrize("change", [{"classes": [1]}, {"classes": "ab"}, {"kind": "regression"}, {"name": 3}])
def test_something_else_is_refused(change):
    with pytest.raises(InputError):
        read_own_target({**own_target("kind", ["a", "b"], ["a", "b"]).to_json(), **change})
    with pytest.raises(InputError, match="no mapping"):
        read_own_target([])
