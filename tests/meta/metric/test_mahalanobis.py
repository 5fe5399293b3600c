"""Mahalanobis: against numpy's covariance and inverse, properties, contract, gradients and messages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.meta import mlp
from polytask.meta.metric.mahalanobis import Mahalanobis

CAT = Task(name="cat", kind="multiclass", n_outputs=3)


def points(n_rows: int, *path: str | int) -> Batch:
    x = torch.randn(n_rows, 5, generator=generator(0, *path), dtype=torch.float64)
    return Batch(inputs=x, targets={"cat": torch.arange(n_rows) % 3})


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_shot=st.integers(2, 6), ridge=st.floats(0.01, 10))
def test_logits_are_those_of_the_formula(seed: int, n_shot: int, ridge: float) -> None:
    support, query = points(3 * n_shot, seed, "s"), points(7, seed, "q").inputs.numpy()
    x, labels = support.inputs.numpy(), support.targets["cat"].numpy()
    share = n_shot / (n_shot + 1)
    expected = np.zeros((7, 3))
    for k in range(3):
        own = np.cov(x[labels == k], rowvar=False)
        q = share * own + (1 - share) * np.cov(x, rowvar=False) + ridge * np.eye(5)
        offset = query - x[labels == k].mean(0)
        expected[:, k] = -0.5 * np.einsum("nd,de,ne->n", offset, np.linalg.inv(q), offset)
    found = Mahalanobis(nn.Identity(), ridge=ridge).adapt([CAT], support)(torch.tensor(query))["cat"]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-8)


def test_one_example_of_a_class_takes_half_its_shape_from_the_task() -> None:
    support, query = points(3), points(4, "q").inputs
    found = Mahalanobis(nn.Identity()).adapt([CAT], support)(query)["cat"]
    q = 0.5 * np.cov(support.inputs.numpy(), rowvar=False) + np.eye(5)
    offset = query.numpy()[:, None] - support.inputs.numpy()[None]
    expected = -0.5 * np.einsum("qkd,de,qke->qk", offset, np.linalg.inv(q), offset)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-8)


def test_a_shift_of_all_inputs_changes_nothing() -> None:
    support, query = points(9), points(4, "q").inputs
    moved = Batch(inputs=support.inputs + 50, targets=support.targets)
    learner = Mahalanobis(nn.Identity())
    expected = learner.adapt([CAT], support)(query)["cat"]
    torch.testing.assert_close(learner.adapt([CAT], moved)(query + 50)["cat"], expected)


def test_examples_without_label_do_not_count() -> None:
    whole, query = points(12), points(4, "q").inputs
    mask = torch.arange(12) < 9
    masked = Batch(
        inputs=whole.inputs, targets={"cat": torch.where(mask, whole.targets["cat"], 77)}, masks={"cat": mask}
    )
    learner = Mahalanobis(nn.Identity())
    expected = learner.adapt([CAT], whole.rows(slice(9)))(query)["cat"]
    torch.testing.assert_close(learner.adapt([CAT], masked)(query)["cat"], expected)


def episodes() -> list[Episode]:
    return [
        Episode(tasks=(CAT,), support=points(6, i, "s"), query=points(9, i, "q")).to("cpu", torch.float32)
        for i in range(2)
    ]


def test_the_meta_gradient_is_right_in_loop_and_vmap() -> None:
    with seeded(0):
        learner = Mahalanobis(mlp([5, 6, 4], nn.Tanh))
    check_meta_gradient(learner, episodes()).raise_if_wrong()


def test_a_ridge_of_zero_is_an_error() -> None:
    with pytest.raises(InputError, match="`ridge` must be above 0, got 0"):
        Mahalanobis(nn.Identity(), ridge=0)
