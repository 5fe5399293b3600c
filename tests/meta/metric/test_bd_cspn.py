"""BD-CSPN: against an independent numpy loop, properties, contract, gradients and messages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.meta import mlp
from polytask.meta.metric import Prototypes
from polytask.meta.metric.bd_cspn import BDCSPN

CAT = Task(name="cat", kind="multiclass", n_outputs=3)


def points(n_rows: int, *path: str | int) -> Batch:
    x = torch.randn(n_rows, 5, generator=generator(0, *path), dtype=torch.float64)
    return Batch(inputs=x, targets={"cat": torch.arange(n_rows) % 3})


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_shot=st.integers(1, 3), n_pseudo=st.integers(1, 30))
def test_logits_are_those_of_the_formula(seed: int, n_shot: int, n_pseudo: int) -> None:
    support, query = points(3 * n_shot, seed, "s"), points(14, seed, "q").inputs
    s, q, labels = unit(support.inputs.numpy()), unit(query.numpy()), support.targets["cat"].numpy()
    q = q + s.mean(0) - q.mean(0)
    means = np.stack([s[labels == k].mean(0) for k in range(3)])
    scores = 10 * unit(q) @ unit(means).T
    sure = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    prototypes = []
    for k in range(3):
        won = [i for i in range(14) if sure[i].argmax() == k]
        won = sorted(won, key=lambda i, k=k: -sure[i, k])[:n_pseudo]
        rows = np.concatenate([s[labels == k], q[won]])
        weights = np.exp(10 * unit(rows) @ unit(means)[k])
        prototypes.append(weights / weights.sum() @ rows)
    expected = 10 * unit(q) @ unit(np.stack(prototypes)).T
    found = BDCSPN(nn.Identity(), n_pseudo=n_pseudo).adapt([CAT], support)(query)["cat"]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-8, atol=1e-8)


def test_support_as_queries_leaves_one_shot_prototypes_where_they_are() -> None:
    support = points(3)
    found = BDCSPN(nn.Identity()).adapt([CAT], support)(support.inputs)["cat"]
    expected = Prototypes(nn.Identity(), distance="cosine").adapt([CAT], support)(support.inputs)["cat"]
    torch.testing.assert_close(found, expected)


def test_queries_may_come_in_any_order() -> None:
    predictor, query = BDCSPN(nn.Identity()).adapt([CAT], points(6)), points(9, "q").inputs
    torch.testing.assert_close(predictor(query.flip(0))["cat"], predictor(query)["cat"].flip(0))


def test_examples_without_label_do_not_count() -> None:
    whole, query = points(9), points(4, "q").inputs
    mask = torch.arange(9) < 6
    masked = Batch(
        inputs=whole.inputs, targets={"cat": torch.where(mask, whole.targets["cat"], 77)}, masks={"cat": mask}
    )
    learner = BDCSPN(nn.Identity())
    expected = learner.adapt([CAT], whole.rows(slice(6)))(query)["cat"]
    torch.testing.assert_close(learner.adapt([CAT], masked)(query)["cat"], expected)


def episodes() -> list[Episode]:
    return [
        Episode(tasks=(CAT,), support=points(6, i, "s"), query=points(9, i, "q")).to("cpu", torch.float32)
        for i in range(2)
    ]


def test_the_meta_gradient_is_right_in_loop_and_vmap() -> None:
    with seeded(0):
        learner = BDCSPN(mlp([5, 6, 4], nn.Tanh), n_pseudo=2)
    check_meta_gradient(learner, episodes()).raise_if_wrong()


def test_all_wrong_arguments_are_named_at_once() -> None:
    with pytest.raises(InputError, match="`n_pseudo` must be at least 1, got 0; `scale` must be above 0"):
        BDCSPN(nn.Identity(), n_pseudo=0, scale=0)
