"""Vectors in standard deviations."""

import numpy as np
import pytest

from polytask.core import InputError
from polytask.encoders.standardized_vectors import StandardizedVectors


def test_numbers_are_standardized_and_what_is_still_is_centred() -> None:
    rows = np.random.default_rng(0).normal(5, 3, size=(200, 2)).astype(np.float32)
    rows[:, 1] = 7
    found = StandardizedVectors(rows).encode(rows)
    assert found[:, 0].mean() == pytest.approx(0, abs=1e-5)
    assert found[:, 0].std(correction=0) == pytest.approx(1, abs=1e-5)
    assert found[:, 1].tolist() == [0.0] * 200


def test_vectors_of_another_length_are_named() -> None:
    with pytest.raises(InputError, match=r"index 1 has the shape \[3\] instead of \[2\]"):
        StandardizedVectors([[1.0, 2.0]]).encode([[1.0, 2.0], [1.0, 2.0, 3.0]])
    with pytest.raises(InputError, match="no vector"):
        StandardizedVectors([])
