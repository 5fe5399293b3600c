"""PT-MAP: against a plain numpy transport, marginals, contract, gradients and messages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.meta import mlp
from polytask.meta.metric.pt_map import PTMAP, power_transform, sinkhorn

CAT = Task(name="cat", kind="multiclass", n_outputs=3)


def points(n_rows: int, *path: str | int) -> Batch:
    x = torch.rand(n_rows, 5, generator=generator(0, *path), dtype=torch.float64)
    return Batch(inputs=x, targets={"cat": torch.arange(n_rows) % 3})


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def transport(costs: np.ndarray, strength: float) -> np.ndarray:
    plan = np.exp(-strength * costs)
    for _ in range(2000):
        plan *= len(plan) / plan.shape[1] / plan.sum(0)
        plan /= plan.sum(1, keepdims=True)
    return plan


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), n_shot=st.integers(1, 3))
def test_the_plan_is_that_of_the_algorithm(seed: int, n_shot: int) -> None:
    support, query = points(3 * n_shot, seed, "s"), points(12, seed, "q").inputs
    s, q = (unit(np.sqrt(rows.numpy() + 1e-6)) for rows in (support.inputs, query))
    s, q = unit(s - s.mean(0)), unit(q - q.mean(0))
    labels = np.eye(3)[support.targets["cat"].numpy()]
    centres = labels.T @ s / n_shot
    for _ in range(5):
        plan = transport(((q[:, None] - centres[None]) ** 2).sum(2), 2.0)
        means = (labels.T @ s + plan.T @ q) / (n_shot + plan.sum(0))[:, None]
        centres = 0.8 * centres + 0.2 * means
    expected = transport(((q[:, None] - centres[None]) ** 2).sum(2), 2.0)
    learner = PTMAP(nn.Identity(), regularization=2.0, n_steps=5, n_sinkhorn=300)
    found = learner.adapt([CAT], support)(query)["cat"].exp()
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(3, 20))
def test_a_plan_has_rows_of_one_and_equal_columns(seed: int, n_rows: int) -> None:
    scores = 3 * torch.randn(n_rows, 3, generator=generator(seed), dtype=torch.float64)
    plan = sinkhorn(scores, 500).exp()
    torch.testing.assert_close(plan.sum(1), torch.ones(n_rows, dtype=torch.float64))
    torch.testing.assert_close(
        plan.sum(0), torch.full((3,), n_rows / 3, dtype=torch.float64), rtol=1e-3, atol=1e-3
    )


def test_scores_far_apart_do_not_underflow() -> None:
    found = sinkhorn(torch.tensor([[0.0, -1e4], [-1e4, 0.0]]), 10)
    torch.testing.assert_close(found, torch.tensor([[0.0, -1e4], [-1e4, 0.0]]))


@settings(deadline=None)
@given(value=st.floats(-100, 100), power=st.floats(0.1, 2))
def test_a_power_keeps_the_sign(value: float, power: float) -> None:
    found = power_transform(torch.tensor([value], dtype=torch.float64), power)
    expected = (abs(value) + 1e-6) ** power * (1 if value >= 0 else -1)
    assert float(found) == pytest.approx(expected)


def test_examples_without_label_do_not_count() -> None:
    whole, query = points(9), points(4, "q").inputs
    mask = torch.arange(9) < 6
    masked = Batch(
        inputs=whole.inputs, targets={"cat": torch.where(mask, whole.targets["cat"], 77)}, masks={"cat": mask}
    )
    learner = PTMAP(nn.Identity())
    expected = learner.adapt([CAT], whole.rows(slice(6)))(query)["cat"]
    torch.testing.assert_close(learner.adapt([CAT], masked)(query)["cat"], expected)


def episodes() -> list[Episode]:
    return [
        Episode(tasks=(CAT,), support=points(6, i, "s"), query=points(9, i, "q")).to("cpu", torch.float32)
        for i in range(2)
    ]


def test_the_meta_gradient_is_right_in_loop_and_vmap() -> None:
    with seeded(0):
        encoder = nn.Sequential(mlp([5, 6, 4], nn.Tanh), nn.Softplus())
    learner = PTMAP(encoder, n_steps=3, n_sinkhorn=10)
    check_meta_gradient(learner, episodes()).raise_if_wrong()


def test_fewer_queries_than_classes_are_an_error() -> None:
    predictor = PTMAP(nn.Identity()).adapt([CAT], points(6))
    with pytest.raises(InputError, match="got 2 queries for 3 classes; ask all queries in one batch"):
        predictor(points(2, "q").inputs)


def test_all_wrong_arguments_are_named_at_once() -> None:
    expected = (
        "`power` must be above 0, got 0; `regularization` must be above 0, got 0; `rate` must be above 0, "
        "got 0; `n_sinkhorn` must be above 0, got 0; `n_steps` must be 0 or more, got -1"
    )
    with pytest.raises(InputError, match=expected):
        PTMAP(nn.Identity(), power=0, regularization=0, rate=0, n_sinkhorn=0, n_steps=-1)
