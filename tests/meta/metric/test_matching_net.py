"""MatchingNet: against a loop in numpy, nearest neighbours, contract, gradients and messages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.meta import mlp
from polytask.meta.metric.matching_net import MatchingNet

CAT = Task(name="cat", kind="multiclass", n_outputs=3)


def points(n_rows: int, *path: str | int) -> Batch:
    x = torch.randn(n_rows, 5, generator=generator(0, *path))
    return Batch(inputs=x, targets={"cat": torch.arange(n_rows) % 3})


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(3, 10), scale=st.floats(0.1, 30))
def test_probabilities_are_sums_of_attention(seed: int, n_rows: int, scale: float) -> None:
    support, query = points(n_rows, seed, "s"), points(4, seed, "q").inputs
    x, q = support.inputs.double().numpy(), query.double().numpy()
    expected = np.zeros((4, 3))
    for row, asked in enumerate(q):
        cosines = [asked @ other / np.linalg.norm(asked) / np.linalg.norm(other) for other in x]
        attention = np.exp(scale * np.array(cosines))
        for position, weight in enumerate(attention / attention.sum()):
            expected[row, position % 3] += weight
    logits = MatchingNet(nn.Identity(), scale=scale).adapt([CAT], support)(query)["cat"]
    np.testing.assert_allclose(CAT.probabilities(logits).numpy(), expected, atol=2e-5)


def test_a_large_scale_gives_the_nearest_neighbour_by_cosine() -> None:
    support, query = points(30), points(40, "q").inputs
    reference = KNeighborsClassifier(1, metric="cosine").fit(support.inputs, support.targets["cat"])
    found = MatchingNet(nn.Identity(), scale=1e4).adapt([CAT], support)(query)["cat"]
    assert CAT.decide(found).tolist() == reference.predict(query.numpy()).tolist()


def test_a_class_shown_twice_as_often_is_twice_as_likely() -> None:
    support = Batch(inputs=torch.ones(4, 5), targets={"cat": torch.tensor([0, 0, 1, 2])})
    logits = MatchingNet(nn.Identity()).adapt([CAT], support)(points(3).inputs)["cat"]
    torch.testing.assert_close(CAT.probabilities(logits), torch.tensor([[0.5, 0.25, 0.25]]).repeat(3, 1))


def test_examples_without_label_do_not_count() -> None:
    whole, query = points(12), points(4, "q").inputs
    mask = torch.arange(12) < 9
    masked = Batch(
        inputs=whole.inputs, targets={"cat": torch.where(mask, whole.targets["cat"], 77)}, masks={"cat": mask}
    )
    learner = MatchingNet(nn.Identity())
    expected = learner.adapt([CAT], whole.rows(slice(9)))(query)["cat"]
    torch.testing.assert_close(learner.adapt([CAT], masked)(query)["cat"], expected)


def episodes() -> list[Episode]:
    return [Episode(tasks=(CAT,), support=points(6, i, "s"), query=points(9, i, "q")) for i in range(2)]


def test_the_meta_gradient_is_right_in_loop_and_vmap() -> None:
    with seeded(0):
        learner = MatchingNet(mlp([5, 6, 4], nn.Tanh))
    check_meta_gradient(learner, episodes()).raise_if_wrong()


def test_a_scale_of_zero_is_an_error() -> None:
    with pytest.raises(InputError, match="`scale` must be above 0, got 0"):
        MatchingNet(nn.Identity(), scale=0)


def test_a_class_without_support_is_an_error_that_names_it() -> None:
    with pytest.raises(InputError, match="needs an example of every class, but 2 have none"):
        MatchingNet(nn.Identity()).adapt([CAT], points(2))
