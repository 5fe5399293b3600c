"""Vectors that are hard to compute with, and names that are hard to join."""

import json
import warnings

import numpy as np
import pytest

import polytask
from polytask.core import DataError


def test_numbers_near_the_largest_are_told_apart():
    draw = np.random.default_rng(0)
    rows = draw.uniform(0.5, 1, size=(12, 3)) * 3e38
    rows[6:, 0] *= -1
    model = polytask.adapt(rows, ["a"] * 6 + ["b"] * 6, kind="vector")
    assert list(model.predict(rows)["class"]) == ["a"] * 6 + ["b"] * 6


def test_complex_numbers_are_refused_without_a_warning_of_numpy():
    with warnings.catch_warnings(), pytest.raises(DataError, match="is no list of numbers"):
        warnings.simplefilter("error")
        polytask.adapt([np.ones(3) * 1j, np.ones(3)], ["a", "b"], kind="vector")


def test_sets_of_names_with_the_joining_sign_are_json():
    rows = np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 0.0], [1.0, 0.1]])
    found = polytask.adapt(rows, ["a|b", "a|b", "c", "c"]).predict(rows, sets=0.9)
    assert all(set(json.loads(held)) <= {"a|b", "c"} for held in found["set"] if held.startswith("["))
    assert any(held.startswith("[") for held in found["set"])
