"""R2D2: against scikit-learn's ridge regression, for every kind of task; contract, gradients and messages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from torch import Tensor, nn

from polytask.core import Batch, Episode, Task, generator, seeded
from polytask.execution.forward import run_forward
from polytask.meta import mlp
from polytask.meta.metric.r2d2 import R2D2, ridge_weights

CAT = Task(name="cat", kind="multiclass", n_outputs=3)
HEIGHT = Task(name="height", kind="regression")
SIZES = Task(name="sizes", kind="regression", n_outputs=2)
SICK = Task(name="sick", kind="binary")
TAGS = Task(name="tags", kind="multilabel", n_outputs=2)
ALL = (CAT, HEIGHT, SIZES, SICK, TAGS)


def normal(n_rows: int, n_columns: int, *path: str | int) -> Tensor:
    return torch.randn(n_rows, n_columns, generator=generator(0, *path), dtype=torch.float64)


def points(n_rows: int, *path: str | int) -> Batch:
    labels = normal(n_rows, 6, "labels", *path)
    return Batch(
        inputs=normal(n_rows, 5, *path),
        targets={
            "cat": torch.arange(n_rows) % 3,
            "height": labels[:, 0],
            "sizes": labels[:, 1:3],
            "sick": (labels[:, 3] > 0).double(),
            "tags": (labels[:, 4:] > 0).double(),
        },
    )


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_rows=st.integers(1, 12),
    n_features=st.integers(1, 12),
    ridge=st.floats(0.01, 50),
)
def test_weights_are_those_of_an_independent_solver(
    seed: int, n_rows: int, n_features: int, ridge: float
) -> None:
    x, y = normal(n_rows, n_features, seed, "x"), normal(n_rows, 2, seed, "y")
    found = ridge_weights(x, y, torch.ones(n_rows, 1, dtype=torch.float64), torch.tensor(ridge))
    reference = Ridge(alpha=ridge, fit_intercept=False, solver="svd").fit(x.numpy(), y.numpy())
    np.testing.assert_allclose(found.numpy(), reference.coef_.T, rtol=1e-6, atol=1e-8)


def test_logits_of_classes_are_the_scaled_regression_of_one_hot_labels() -> None:
    support, query = points(9), points(4, "q").inputs
    learner = R2D2(nn.Identity(), ridge=0.7, scale=3.0, offset=0.5, bias=False).double()
    one_hot = np.eye(3)[support.targets["cat"].numpy()]
    reference = Ridge(alpha=0.7, fit_intercept=False).fit(support.inputs.numpy(), one_hot)
    found = learner.adapt([CAT], support)(query)["cat"].detach()
    np.testing.assert_allclose(found.numpy(), 3 * reference.predict(query.numpy()) + 0.5, rtol=1e-5)


@pytest.mark.parametrize("task", [HEIGHT, SIZES])
@pytest.mark.parametrize("n_rows", [4, 20])
def test_a_regression_is_answered_by_the_regression_itself(task: Task, n_rows: int) -> None:
    support, query = points(n_rows), points(6, "q").inputs
    learner = R2D2(nn.Identity(), ridge=0.3, scale=3.0, offset=0.5, bias=False).double()
    y = support.targets[task.name].numpy().reshape(n_rows, -1)
    reference = Ridge(alpha=0.3, fit_intercept=False).fit(support.inputs.numpy(), y)
    expected = reference.predict(query.numpy()).reshape(6, -1)
    found = learner.adapt([task], support)(query)[task.name].detach()
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("task", [SICK, TAGS])
def test_yes_and_no_are_regressed_as_one_and_minus_one(task: Task) -> None:
    support, query = points(9), points(4, "q").inputs
    y = 2 * support.targets[task.name].numpy().reshape(9, -1) - 1
    reference = Ridge(alpha=1.0, fit_intercept=False).fit(support.inputs.numpy(), y)
    learner = R2D2(nn.Identity(), scale=1.0, bias=False).double()
    found = learner.adapt([task], support)(query)[task.name].detach()
    np.testing.assert_allclose(found.numpy(), reference.predict(query.numpy()).reshape(4, -1), rtol=1e-5)


def test_a_bias_is_one_more_feature_of_ones() -> None:
    support, query = points(9), points(4, "q").inputs
    wide = Batch(
        inputs=torch.cat([support.inputs, torch.ones(9, 1, dtype=torch.float64)], 1), targets=support.targets
    )
    expected = R2D2(nn.Identity(), bias=False).double().adapt([HEIGHT], wide).state["height"]["summary"]
    torch.testing.assert_close(
        R2D2(nn.Identity()).double().adapt([HEIGHT], support).state["height"]["summary"], expected
    )
    answers = R2D2(nn.Identity()).double().adapt([HEIGHT], support)(query)["height"]
    torch.testing.assert_close(answers, torch.as_tensor(query) @ expected[:-1] + expected[-1])


@pytest.mark.parametrize("n_rows", [5, 12])
def test_every_output_is_fitted_on_the_examples_that_have_it(n_rows: int) -> None:
    whole = points(n_rows)
    mask = torch.stack([torch.arange(n_rows) % 2 == 0, torch.arange(n_rows) % 3 > 0], 1)
    masked = Batch(inputs=whole.inputs, targets={"sizes": whole.targets["sizes"]}, masks={"sizes": mask})
    found = R2D2(nn.Identity(), bias=False).double().adapt([SIZES], masked).state["sizes"]["summary"]
    for output in range(2):
        rows = mask[:, output]
        y = whole.targets["sizes"][rows, output].numpy()
        reference = Ridge(alpha=1.0, fit_intercept=False).fit(whole.inputs[rows].numpy(), y)
        np.testing.assert_allclose(found[:, output].numpy(), reference.coef_, rtol=1e-6)


def test_training_finds_features_in_which_sines_are_linear() -> None:
    def episode(index: int) -> Episode:
        draw = generator(5, index)
        x = 10 * torch.rand(40, 1, generator=draw) - 5
        amplitude, phase = 0.5 + 4 * torch.rand(2, generator=draw)
        whole = Batch(inputs=x, targets={"height": amplitude * torch.sin(x[:, 0] + phase)})
        return Episode(tasks=(HEIGHT,), support=whole.rows(slice(10)), query=whole.rows(slice(10, None)))

    def error(learner: R2D2) -> float:
        with torch.no_grad():
            return float(
                learner.objectives(
                    [episode(index) for index in range(900, 950)], execution=run_forward
                ).values.mean()
            )

    with seeded(0):
        learner = R2D2(mlp([1, 40, 40], nn.Tanh))
    before = error(learner)
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.005)
    for step in range(150):
        optimizer.zero_grad()
        learner.objectives(
            [episode(8 * step + i) for i in range(8)], execution=run_forward
        ).values.mean().backward()
        optimizer.step()
    assert error(learner) < 0.25 * before
