"""SimpleShot and centring: against an independent numpy formula, contract, gradients and messages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.meta import mlp
from polytask.meta.metric.centered import Centered
from polytask.meta.metric.simple_shot import SimpleShot

CAT = Task(name="cat", kind="multiclass", n_outputs=3)


def points(n_rows: int, *path: str | int, n_features: int = 5) -> Batch:
    x = torch.randn(n_rows, n_features, generator=generator(0, *path))
    return Batch(inputs=x, targets={"cat": torch.arange(n_rows) % 3})


def smooth() -> SimpleShot:
    with seeded(0):
        learner = SimpleShot(mlp([5, 6, 4], nn.Tanh), 4)
    learner.fit_center([points(20, "base").inputs])
    return learner


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_shot=st.integers(1, 5))
def test_logits_are_those_of_the_formula(seed: int, n_shot: int) -> None:
    support, query = points(3 * n_shot, seed, "s"), points(7, seed, "q")
    base = torch.randn(40, 5, generator=generator(seed, "b")) + 2
    learner = SimpleShot(nn.Identity(), 5)
    learner.fit_center([base[:15], base[15:]])

    def transformed(rows: torch.Tensor) -> np.ndarray:
        moved = rows.double().numpy() - base.double().numpy().mean(0)
        return moved / np.linalg.norm(moved, axis=1, keepdims=True)

    z, labels = transformed(support.inputs), support.targets["cat"].numpy()
    means = np.stack([z[labels == k].mean(0) for k in range(3)])
    expected = -((transformed(query.inputs)[:, None] - means[None]) ** 2).sum(2)
    found = learner.adapt([CAT], support)(query.inputs)["cat"]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


@given(scale=st.floats(0.1, 50))
@settings(max_examples=10, deadline=None)
def test_unit_features_do_not_depend_on_the_length_of_an_input(scale: float) -> None:
    predictor = SimpleShot(nn.Identity(), transform="unit").adapt([CAT], points(6))
    query = points(4, "q").inputs
    torch.testing.assert_close(predictor(query * scale)["cat"], predictor(query)["cat"])


def test_without_a_transform_logits_are_minus_squared_distances_to_means() -> None:
    support, query = points(6), points(4, "q").inputs
    found = SimpleShot(nn.Identity(), transform="none").adapt([CAT], support)(query)["cat"]
    means = torch.stack([support.inputs[k::3].mean(0) for k in range(3)])
    torch.testing.assert_close(found, -(query[:, None] - means).square().sum(2))


def test_examples_without_label_do_not_count() -> None:
    whole = points(9)
    mask = torch.arange(9) < 6
    masked = Batch(
        inputs=whole.inputs, targets={"cat": torch.where(mask, whole.targets["cat"], 77)}, masks={"cat": mask}
    )
    learner = smooth()
    found = learner.adapt([CAT], masked).state["cat"]["prototypes"]
    torch.testing.assert_close(found, learner.adapt([CAT], whole.rows(slice(6))).state["cat"]["prototypes"])


def test_the_mean_is_saved_and_loaded() -> None:
    learner = smooth()
    with seeded(1):
        other = SimpleShot(mlp([5, 6, 4], nn.Tanh), 4)
    other.load_state_dict(learner.state_dict())
    query = points(4, "q").inputs
    found = other.adapt([CAT], points(6))(query)["cat"]
    assert torch.equal(found, learner.adapt([CAT], points(6))(query)["cat"])


def test_fitting_the_mean_uses_running_statistics_and_keeps_the_mode() -> None:
    encoder = Centered(nn.BatchNorm1d(5), 5).train()
    x = points(8).inputs
    encoder.fit([x])
    torch.testing.assert_close(encoder.mean, x.mean(0), rtol=1e-4, atol=1e-4)
    assert encoder.encoder.training


def test_the_meta_gradient_is_right_in_loop_and_vmap() -> None:
    episodes = [Episode(tasks=(CAT,), support=points(6, i, "s"), query=points(6, i, "q")) for i in range(2)]
    check_meta_gradient(smooth(), episodes).raise_if_wrong()


def test_an_unknown_mean_is_an_error_that_says_how_to_get_it() -> None:
    with pytest.raises(InputError, match="not known yet; call `fit`"):
        SimpleShot(nn.Identity(), 5).adapt([CAT], points(6))


def test_centring_without_the_number_of_features_is_an_error() -> None:
    with pytest.raises(InputError, match="`n_features` is None, but is for `transform='centered'`"):
        SimpleShot(nn.Identity())


def test_an_unknown_transform_is_an_error() -> None:
    with pytest.raises(InputError, match="`transform` is 'l1'; use 'centered'"):
        SimpleShot(nn.Identity(), transform="l1")  # pyright: ignore[reportArgumentType]


def test_a_centre_cannot_be_fitted_where_there_is_none() -> None:
    with pytest.raises(InputError, match="`transform` is 'unit', which has no centre"):
        SimpleShot(nn.Identity(), transform="unit").fit_center([points(3).inputs])


@pytest.mark.parametrize(
    ("batches", "message"),
    [([], "`batches` is empty"), ([torch.zeros(2, 4)], "gives 4 features, but `n_features` is 5")],
)
def test_inputs_that_give_no_mean_are_an_error(batches: list[torch.Tensor], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Centered(nn.Identity(), 5).fit(batches)


def test_a_class_without_support_is_an_error_that_names_it() -> None:
    with pytest.raises(InputError, match="needs an example of every class, but 2 have none"):
        smooth().adapt([CAT], points(2))


def test_a_task_that_is_not_multiclass_is_an_error() -> None:
    support = Batch(inputs=torch.zeros(4, 5), targets={"age": torch.zeros(4)})
    with pytest.raises(InputError, match="SimpleShot answers multiclass tasks, but 'age' is regression"):
        smooth().adapt([Task(name="age", kind="regression")], support)
