"""MetaOptNet: against liblinear and scipy, by its duality gap and optimality; contract and gradients."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.svm import LinearSVC
from torch import Tensor, nn

from polytask.core import Batch, Episode, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.meta import mlp
from polytask.meta.metric.crammer_singer import crammer_singer_dual
from polytask.meta.metric.metaopt_net import MetaOptNet

CAT = Task(name="cat", kind="multiclass", n_outputs=3)


def points(n_rows: int, *path: str | int, n_classes: int = 3) -> Batch:
    x = torch.randn(n_rows, 5, generator=generator(0, *path), dtype=torch.float64)
    return Batch(inputs=x, targets={"cat": torch.arange(n_rows) % n_classes})


def members_of(labels: Tensor, n_classes: int) -> Tensor:
    return nn.functional.one_hot(labels, n_classes).double()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_classes=st.integers(2, 6),
    n_shot=st.integers(1, 6),
    cost=st.floats(0.001, 10),
    size=st.floats(0.05, 20),
)
@example(seed=280, n_classes=6, n_shot=5, cost=2.0, size=8.0)  # 20 steps were too few
def test_the_duality_gap_closes(seed: int, n_classes: int, n_shot: int, cost: float, size: float) -> None:
    batch = points(n_classes * n_shot, seed, n_classes=n_classes)
    x, members = size * batch.inputs, members_of(batch.targets["cat"], n_classes)
    dual = crammer_singer_dual(x, members, cost)
    weights = x.T @ dual
    scores = x @ weights
    hinge = ((scores + 1 - members).amax(1) - (scores * members).sum(1)).sum()
    lengths = 0.5 * weights.square().sum()
    primal, bound = lengths + cost * hinge, (dual * members).sum() - lengths
    assert abs(float(primal - bound)) < 1e-5 * float(primal)
    assert float(dual.sum(1).abs().max()) < 1e-9 * float(dual.abs().max())
    assert bool((dual <= cost * members).all())


def test_separable_classes_of_large_features_in_float32_are_no_trouble() -> None:
    centres = torch.eye(3, 5).repeat(10, 1)
    x = 1000 * (centres + 0.01 * torch.randn(30, 5, generator=generator(0)))
    members = members_of(torch.arange(30) % 3, 3)
    scores = x @ (x.T @ crammer_singer_dual(x, members.float(), 1.0))
    margins = (scores * members).sum(1) - (scores - 9 * members).amax(1)
    assert float(margins.min()) == pytest.approx(1.0, abs=1e-2)


@pytest.mark.parametrize("cost", [0.01, 0.1, 1.0, 10.0])
def test_weights_are_those_of_liblinear(cost: float) -> None:
    support = points(18)
    machine = LinearSVC(
        multi_class="crammer_singer", fit_intercept=False, C=cost, tol=1e-10, max_iter=1_000_000
    ).fit(support.inputs.numpy(), support.targets["cat"].numpy())
    found = MetaOptNet(nn.Identity(), cost=cost).adapt([CAT], support).state["cat"]["summary"]
    np.testing.assert_allclose(found.numpy(), machine.coef_.T, atol=1e-4)


def test_the_dual_is_that_of_a_general_solver() -> None:
    support = points(6)
    kernel = (support.inputs @ support.inputs.T).numpy()
    members = members_of(support.targets["cat"], 3)
    y = members.numpy()
    found = crammer_singer_dual(support.inputs, members, 0.3)
    general = minimize(
        lambda a: 0.5 * np.sum(a.reshape(6, 3) * (kernel @ a.reshape(6, 3))) - np.sum(a.reshape(6, 3) * y),
        np.zeros(18),
        jac=lambda a: (kernel @ a.reshape(6, 3) - y).ravel(),
        bounds=[(None, 0.3 * value) for value in y.ravel()],
        constraints={"type": "eq", "fun": lambda a: a.reshape(6, 3).sum(1)},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(found.numpy(), general.x.reshape(6, 3), atol=1e-5)


def test_logits_are_scaled_products_with_the_weights() -> None:
    support, query = points(9), points(4, "q").inputs
    predictor = MetaOptNet(nn.Identity(), scale=3.0).double().adapt([CAT], support)
    torch.testing.assert_close(
        predictor(query)["cat"].detach(), 3 * query @ predictor.state["cat"]["summary"]
    )


def test_repeated_examples_are_no_trouble() -> None:
    support = points(9)
    twice = torch.cat([support.inputs, support.inputs])
    members = members_of(support.targets["cat"], 3)
    once = support.inputs.T @ crammer_singer_dual(support.inputs, members, 0.2)
    both = twice.T @ crammer_singer_dual(twice, members.repeat(2, 1), 0.1)
    torch.testing.assert_close(both, once, rtol=1e-5, atol=1e-6)


def test_examples_without_label_do_not_count() -> None:
    whole = points(12)
    mask = torch.arange(12) < 9
    masked = Batch(
        inputs=whole.inputs, targets={"cat": torch.where(mask, whole.targets["cat"], 77)}, masks={"cat": mask}
    )
    learner = MetaOptNet(nn.Identity())
    expected = learner.adapt([CAT], whole.rows(slice(9))).state["cat"]["summary"]
    torch.testing.assert_close(
        learner.adapt([CAT], masked).state["cat"]["summary"], expected, rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("cost", [0.02, 0.3, 5.0])
def test_the_gradient_of_the_solution_is_that_of_finite_differences(cost: float) -> None:
    x, members = points(9).inputs.requires_grad_(), members_of(torch.arange(9) % 3, 3)

    def weights(x: Tensor) -> Tensor:
        return x.T @ crammer_singer_dual(x, members, cost)

    assert torch.autograd.gradcheck(weights, x, eps=1e-6, atol=1e-5, rtol=1e-3)


def episodes() -> list[Episode]:
    return [Episode(tasks=(CAT,), support=points(6, i, "s"), query=points(9, i, "q")) for i in range(2)]


@pytest.mark.parametrize("cost", [0.1, 3.0])
def test_the_meta_gradient_is_right_in_loop_and_vmap(cost: float) -> None:
    with seeded(0):
        learner = MetaOptNet(mlp([5, 6, 4], nn.Tanh), cost=cost)
    check_meta_gradient(learner, episodes()).raise_if_wrong()
