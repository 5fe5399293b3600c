"""LaplacianShot: against scikit-learn's neighbours and a numpy loop, its energy, contract and messages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import kneighbors_graph
from torch import nn

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.meta import mlp
from polytask.meta.metric.laplacian_shot import LaplacianShot
from polytask.meta.metric.simple_shot import SimpleShot

CAT = Task(name="cat", kind="multiclass", n_outputs=3)


def points(n_rows: int, *path: str | int) -> Batch:
    x = torch.randn(n_rows, 5, generator=generator(0, *path), dtype=torch.float64)
    return Batch(inputs=x, targets={"cat": torch.arange(n_rows) % 3})


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def softmax(scores: np.ndarray) -> np.ndarray:
    return np.exp(scores) / np.exp(scores).sum(1, keepdims=True)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_neighbours=st.integers(1, 5), smoothness=st.floats(0, 1.5))
def test_logits_are_those_of_the_updates(seed: int, n_neighbours: int, smoothness: float) -> None:
    support, query = points(6, seed, "s"), points(13, seed, "q").inputs
    s, q = unit(support.inputs.numpy()), unit(query.numpy())
    means = np.stack([s[k::3].mean(0) for k in range(3)])
    near = -((q[:, None] - means[None]) ** 2).sum(2)
    graph = kneighbors_graph(q, n_neighbours, include_self=False).toarray()
    expected = near
    for _ in range(20):
        expected = near + smoothness * graph @ softmax(expected)
    learner = LaplacianShot(nn.Identity(), n_neighbours=n_neighbours, smoothness=smoothness, rectify=False)
    found = learner.adapt([CAT], support)(query)["cat"]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-8)


def test_without_smoothness_it_is_the_nearest_mean_of_unit_features() -> None:
    support, query = points(6), points(5, "q").inputs
    expected = SimpleShot(nn.Identity(), transform="unit").adapt([CAT], support)(query)["cat"]
    found = LaplacianShot(nn.Identity(), smoothness=0, rectify=False).adapt([CAT], support)(query)["cat"]
    torch.testing.assert_close(found, expected)


def test_a_query_between_classes_follows_its_neighbours() -> None:
    task = Task(name="cat", kind="multiclass", n_outputs=2)
    support = Batch(inputs=torch.eye(2), targets={"cat": torch.arange(2)})
    # The first query is a little nearer to class 1, but all its neighbours are of class 0.
    queries = torch.tensor([[0.99, 1.0], [1.0, 0.9], [1.0, 0.85], [1.0, 0.8], [0.1, 1.0], [0.0, 1.0]])
    alone = LaplacianShot(nn.Identity(), smoothness=0, rectify=False).adapt([task], support)
    together = LaplacianShot(nn.Identity(), smoothness=1.0, rectify=False).adapt([task], support)
    assert task.decide(alone(queries)["cat"]).tolist() == [1, 0, 0, 0, 1, 1]
    assert task.decide(together(queries)["cat"])[0] == 0


def test_a_single_query_has_no_neighbours_and_is_answered() -> None:
    predictor = LaplacianShot(nn.Identity(), rectify=False).adapt([CAT], points(6))
    nearest = SimpleShot(nn.Identity(), transform="unit").adapt([CAT], points(6))
    query = points(1, "q").inputs
    torch.testing.assert_close(predictor(query)["cat"], nearest(query)["cat"])


def test_examples_without_label_do_not_count() -> None:
    whole, query = points(9), points(4, "q").inputs
    mask = torch.arange(9) < 6
    masked = Batch(
        inputs=whole.inputs, targets={"cat": torch.where(mask, whole.targets["cat"], 77)}, masks={"cat": mask}
    )
    learner = LaplacianShot(nn.Identity())
    expected = learner.adapt([CAT], whole.rows(slice(6)))(query)["cat"]
    torch.testing.assert_close(learner.adapt([CAT], masked)(query)["cat"], expected)


def episodes() -> list[Episode]:
    return [
        Episode(tasks=(CAT,), support=points(6, i, "s"), query=points(9, i, "q")).to("cpu", torch.float32)
        for i in range(2)
    ]


def test_the_meta_gradient_is_right_in_loop_and_vmap() -> None:
    with seeded(0):
        learner = LaplacianShot(mlp([5, 6, 4], nn.Tanh))
    check_meta_gradient(learner, episodes()).raise_if_wrong()


def test_all_wrong_arguments_are_named_at_once() -> None:
    expected = (
        "`n_neighbours` must be at least 1, got 0; `smoothness` must be 0 or more, got -1; `n_steps` must be "
        "0 or more, got -2"
    )
    with pytest.raises(InputError, match=expected):
        LaplacianShot(nn.Identity(), n_neighbours=0, smoothness=-1, n_steps=-2)
