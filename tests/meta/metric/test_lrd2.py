"""LRD2: against scikit-learn's logistic regression, for every kind; contract, gradients and messages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from polytask.core import Batch, Task, generator
from polytask.meta.metric.lrd2 import LRD2, logistic_weights

CAT = Task(name="cat", kind="multiclass", n_outputs=3)
SICK = Task(name="sick", kind="binary")
TAGS = Task(name="tags", kind="multilabel", n_outputs=2)
ALL = (CAT, SICK, TAGS)


def normal(n_rows: int, n_columns: int, *path: str | int) -> Tensor:
    return torch.randn(n_rows, n_columns, generator=generator(0, *path), dtype=torch.float64)


def points(n_rows: int, *path: str | int) -> Batch:
    rows = torch.arange(n_rows)
    return Batch(
        inputs=normal(n_rows, 5, *path),
        targets={
            "cat": rows % 3,
            "sick": (rows % 2).double(),
            "tags": torch.stack([rows % 3 == 0, rows % 2 == 1], 1).double(),
        },
    )


def fitted(x: Tensor, y: Tensor, ridge: float) -> np.ndarray:
    """Fit one logistic regression by scikit-learn: its weights."""
    model = LogisticRegression(C=1 / ridge, fit_intercept=False, solver="newton-cholesky", tol=1e-12)
    return model.fit(x.numpy(), y.numpy()).coef_[0]


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_rows=st.integers(2, 12),
    n_features=st.integers(1, 12),
    ridge=st.floats(0.1, 50),
)
def test_weights_are_those_of_an_independent_solver(
    seed: int, n_rows: int, n_features: int, ridge: float
) -> None:
    x, y = normal(n_rows, n_features, seed, "x"), torch.arange(n_rows).double() % 2
    known = torch.ones(n_rows, 1, dtype=torch.float64)
    found = logistic_weights(x, y.unsqueeze(1), known, torch.tensor(ridge), n_steps=15)
    np.testing.assert_allclose(found[:, 0].numpy(), fitted(x, y, ridge), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape", [(30, 4), (10, 40)])
@pytest.mark.parametrize("ridge", [0.001, 1.0])
def test_separable_classes_of_large_features_do_not_diverge(shape: tuple[int, int], ridge: float) -> None:
    x = 10 * normal(*shape, "large")
    y = (x[:, :1] > 0).double()
    known = torch.ones(shape[0], 1)
    found = logistic_weights(x.float(), y.float(), known, torch.tensor(ridge), n_steps=20)
    gradient = ridge * found - x.T.float() @ (y.float() - (x.float() @ found).sigmoid())
    assert float(gradient.abs().max()) < 0.02


def test_classes_are_fitted_one_against_the_rest() -> None:
    support, query = points(9), points(4, "q").inputs
    found = (
        LRD2(nn.Identity(), ridge=0.5, n_steps=15, bias=False).double().adapt([CAT], support)(query)["cat"]
    )
    for k in range(3):
        weights = fitted(support.inputs, (support.targets["cat"] == k).double(), 0.5)
        np.testing.assert_allclose(found[:, k].numpy(), query.numpy() @ weights, rtol=1e-5)


def test_five_steps_are_enough_for_features_of_unit_size() -> None:
    support, query = points(9), points(4, "q").inputs
    few, many = (LRD2(nn.Identity(), n_steps=n).double().adapt([CAT], support)(query)["cat"] for n in (5, 50))
    torch.testing.assert_close(few, many, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_rows", [5, 12])
def test_every_label_is_fitted_on_the_examples_that_have_it(n_rows: int) -> None:
    whole = points(n_rows)
    mask = torch.stack([torch.arange(n_rows) != 2, torch.arange(n_rows) > 0], 1)
    masked = Batch(inputs=whole.inputs, targets={"tags": whole.targets["tags"]}, masks={"tags": mask})
    learner = LRD2(nn.Identity(), n_steps=15, bias=False).double()
    found = learner.adapt([TAGS], masked).state["tags"]["summary"]
    for output in range(2):
        rows = mask[:, output]
        expected = fitted(whole.inputs[rows], whole.targets["tags"][rows, output], 1.0)
        np.testing.assert_allclose(found[:, output].numpy(), expected, rtol=1e-5)
