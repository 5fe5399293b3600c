"""Ridge regression against another implementation."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from polytask.meta.heads.ridge import ridge


@pytest.mark.parametrize("size", [3, 30])
def test_it_gives_the_weights_of_scikit_learn(size: int) -> None:
    draws = np.random.default_rng(0)
    rows, labels = draws.standard_normal((10, size)), np.arange(10) % 2
    other = Ridge(alpha=0.5, fit_intercept=False, solver="svd").fit(rows, np.eye(2)[labels] - 0.5)
    assert ridge(rows, labels, 2, 0.5).weight == pytest.approx(other.coef_)
