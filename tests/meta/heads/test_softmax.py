"""Softmax against scipy, at ordinary and at extreme scores."""

import numpy as np
import pytest
from scipy import special

from polytask.meta.heads.softmax import log_softmax, log_sum_exp, softmax


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_it_is_what_scipy_computes(scale: float) -> None:
    scores = scale * np.random.default_rng(0).standard_normal((6, 5))
    assert log_softmax(scores) == pytest.approx(special.log_softmax(scores, axis=1))
    assert softmax(scores) == pytest.approx(special.softmax(scores, axis=1))
    assert log_sum_exp(scores) == pytest.approx(special.logsumexp(scores, axis=1, keepdims=True))
