"""Ridge regression with a free intercept: against scikit-learn's; contract, gradients and messages."""

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
from polytask.meta.metric.ridge_regression import RidgeRegression

HEIGHT = Task(name="height", kind="regression")
SIZES = Task(name="sizes", kind="regression", n_outputs=2)


def normal(n_rows: int, n_columns: int, *path: str | int) -> Tensor:
    return torch.randn(n_rows, n_columns, generator=generator(0, *path), dtype=torch.float64)


def points(n_rows: int, *path: str | int, n_features: int = 5) -> Batch:
    labels = 7 + normal(n_rows, 3, "labels", *path)
    return Batch(
        inputs=2 + normal(n_rows, n_features, *path), targets={"height": labels[:, 0], "sizes": labels[:, 1:]}
    )


def answered(learner: RidgeRegression, task: Task, support: Batch, inputs: Tensor) -> np.ndarray:
    return learner.double().adapt([task], support)(inputs)[task.name].detach().numpy()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_rows=st.integers(1, 12),
    n_features=st.integers(1, 12),
    penalty=st.floats(0.01, 50),
)
@pytest.mark.parametrize("task", [HEIGHT, SIZES])
def test_answers_are_those_of_an_independent_solver(
    task: Task, seed: int, n_rows: int, n_features: int, penalty: float
) -> None:
    support = points(n_rows, seed, n_features=n_features)
    query = normal(4, n_features, seed, "query")
    y = support.targets[task.name].numpy().reshape(n_rows, -1)
    reference = Ridge(alpha=penalty, solver="svd").fit(tensor(support).numpy(), y)
    found = answered(RidgeRegression(nn.Identity(), penalty=penalty), task, support, query)
    expected = reference.predict(query.numpy()).reshape(4, -1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def tensor(batch: Batch) -> Tensor:
    assert isinstance(batch.inputs, Tensor)
    return batch.inputs


@settings(max_examples=15, deadline=None)
@given(shift=st.floats(-1000, 1000), scale=st.floats(0.01, 100), n_rows=st.integers(2, 9))
def test_the_answers_follow_the_units_of_the_target(shift: float, scale: float, n_rows: int) -> None:
    support, query = points(n_rows), normal(4, 5, "query")
    other = Batch(inputs=support.inputs, targets={"height": shift + scale * support.targets["height"]})
    learner = RidgeRegression(nn.Identity(), penalty=3.0)
    expected = shift + scale * answered(learner, HEIGHT, support, query)
    np.testing.assert_allclose(answered(learner, HEIGHT, other, query), expected, rtol=1e-8, atol=1e-8)


def test_a_shift_of_all_features_changes_nothing() -> None:
    support, query = points(6), normal(4, 5, "query")
    moved = Batch(inputs=tensor(support) + 100, targets=support.targets)
    learner = RidgeRegression(nn.Identity())
    np.testing.assert_allclose(
        answered(learner, HEIGHT, moved, query + 100), answered(learner, HEIGHT, support, query), rtol=1e-8
    )


def test_one_label_is_the_answer_everywhere() -> None:
    support = points(1)
    found = answered(RidgeRegression(nn.Identity()), HEIGHT, support, normal(3, 5, "query"))
    np.testing.assert_allclose(found[:, 0], np.full(3, float(support.targets["height"])))


@pytest.mark.parametrize("n_rows", [5, 12])
def test_every_output_is_fitted_on_the_examples_that_have_it(n_rows: int) -> None:
    whole, query = points(n_rows), normal(4, 5, "query")
    mask = torch.stack([torch.arange(n_rows) % 2 == 0, torch.arange(n_rows) % 3 > 0], 1)
    masked = Batch(inputs=whole.inputs, targets={"sizes": whole.targets["sizes"]}, masks={"sizes": mask})
    found = answered(RidgeRegression(nn.Identity(), penalty=2.0), SIZES, masked, query)
    for output in range(2):
        rows = mask[:, output]
        y = whole.targets["sizes"][rows, output].numpy()
        reference = Ridge(alpha=2.0).fit(tensor(whole)[rows].numpy(), y)
        np.testing.assert_allclose(found[:, output], reference.predict(query.numpy()), rtol=1e-6)


def test_training_finds_features_in_which_shifted_sines_are_linear() -> None:
    def episode(index: int) -> Episode:
        draw = generator(5, index)
        x = 10 * torch.rand(40, 1, generator=draw) - 5
        amplitude, phase, level = torch.tensor([4.0, 3.0, 30.0]) * torch.rand(3, generator=draw)
        y = level + (0.5 + amplitude) * torch.sin(x[:, 0] + phase)
        whole = Batch(inputs=x, targets={"height": y})
        return Episode(tasks=(HEIGHT,), support=whole.rows(slice(10)), query=whole.rows(slice(10, None)))

    def error(learner: RidgeRegression) -> float:
        with torch.no_grad():
            return float(
                learner.objectives(
                    [episode(index) for index in range(900, 950)], execution=run_forward
                ).values.mean()
            )

    with seeded(0):
        learner = RidgeRegression(mlp([1, 40, 40], nn.Tanh))
    before = error(learner)
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.005)
    for step in range(150):
        optimizer.zero_grad()
        learner.objectives(
            [episode(8 * step + i) for i in range(8)], execution=run_forward
        ).values.mean().backward()
        optimizer.step()
    assert error(learner) < 0.25 * before
