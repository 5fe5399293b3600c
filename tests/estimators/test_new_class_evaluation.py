"""Learned features on new classes: episodes of few examples, with and without what was learned."""

import warnings

import numpy as np
import pytest

import polytask
from polytask.core import DataError
from polytask.models import LearnedFeatures


def points(n_classes: int, n_each: int, first: int) -> dict[str, np.ndarray]:
    """Classes that differ along two axes, and scatter far along six others."""
    draw = np.random.default_rng(first)
    apart = np.repeat([1.0, 6.0], [2, 6])
    means = draw.normal(size=(n_classes, 8)) * np.repeat([6.0, 0.0], [2, 6])
    return {f"c{first + one}": means[one] + apart * draw.normal(size=(n_each, 8)) for one in range(n_classes)}


@pytest.fixture(scope="module")
def model() -> LearnedFeatures:
    known = points(20, 12, first=0)
    rows, labels = np.concatenate(list(known.values())), np.repeat(list(known), 12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = polytask.learn(rows, labels.tolist(), kind="vector", progress=False)
    assert isinstance(found, LearnedFeatures)
    return found


def test_what_was_learned_is_judged_on_classes_that_are_new(model):
    new = points(8, 12, first=100)
    found = model.evaluate(np.concatenate(list(new.values())), np.repeat(list(new), 12).tolist())
    assert list(found.index) == [1, 5] and (found["way"] == 8).all() and (found["classes"] == 8).all()
    assert found.loc[5, "accuracy"] > found.loc[1, "accuracy"] > 1 / 8
    np.testing.assert_allclose(found["gain"], found["accuracy"] - found["frozen_accuracy"])
    assert (found["gain"] - found["gain_half_width"] > 0).all()


def test_classes_with_few_examples_are_judged_by_fewer(model):
    new = points(3, 3, first=100)
    found = model.evaluate(np.concatenate(list(new.values())), np.repeat(list(new), 3).tolist())
    assert list(found.index) == [1]
    with pytest.raises(DataError, match=r"0 classes have two examples or more.*at least 2 are needed"):
        model.evaluate(np.eye(8)[:3], ["a", "b", "c"])
