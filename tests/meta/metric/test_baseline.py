"""Baseline and Baseline++: against torch's optimizer and scikit-learn, contract, gradients and messages."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.meta import mlp
from polytask.meta.adaptation.rules import SGD
from polytask.meta.metric.baseline import Baseline, BaselinePlusPlus, FittedHead
from polytask.meta.metric.cosine_head import CosineHead

CAT = Task(name="cat", kind="multiclass", n_outputs=3)


def points(n_rows: int, *path: str | int) -> Batch:
    x = torch.randn(n_rows, 5, generator=generator(0, *path))
    return Batch(inputs=x, targets={"cat": torch.arange(n_rows) % 3})


def encoder() -> nn.Module:
    with seeded(0):
        return mlp([5, 6, 4], nn.Tanh)


def test_a_linear_head_is_the_one_that_torch_finds() -> None:
    support, query = points(9), points(4, "q").inputs
    weight, bias = torch.zeros(3, 5, requires_grad=True), torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.SGD([weight, bias], lr=0.01, momentum=0.9, weight_decay=0.001)
    for _ in range(100):
        optimizer.zero_grad()
        functional.cross_entropy(support.inputs @ weight.T + bias, support.targets["cat"]).backward()
        optimizer.step()
    found = Baseline(nn.Identity()).adapt([CAT], support)(query)["cat"]
    torch.testing.assert_close(found, (query @ weight.T + bias).detach())


def test_many_steps_come_to_logistic_regression() -> None:
    support, query = points(30).to("cpu", torch.float64), points(50, "q").inputs.double()
    learner = Baseline(nn.Identity(), n_steps=500, rule=SGD(0.5, momentum=0.9, weight_decay=0.01))
    found = learner.adapt([CAT], support)(query)["cat"].softmax(1)
    # The penalty of scikit-learn leaves the bias out; here it counts, so the bias is a feature of ones.
    ones = np.ones((50, 1))
    reference = LogisticRegression(C=1 / (30 * 0.01), fit_intercept=False, tol=1e-10, max_iter=1000)
    reference.fit(np.hstack([support.inputs.numpy(), ones[:30]]), support.targets["cat"].numpy())
    expected = reference.predict_proba(np.hstack([query.numpy(), ones]))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_a_cosine_head_is_the_one_that_torch_finds() -> None:
    support, query = points(9), points(4, "q").inputs
    weight = torch.stack([support.inputs[k::3].mean(0) for k in range(3)]).requires_grad_()
    optimizer = torch.optim.SGD([weight], lr=0.01, momentum=0.9, weight_decay=0.001)

    def logits(x: torch.Tensor) -> torch.Tensor:
        return 10 * functional.cosine_similarity(x[:, None], weight[None], dim=2)

    for _ in range(30):
        optimizer.zero_grad()
        functional.cross_entropy(logits(support.inputs), support.targets["cat"]).backward()
        optimizer.step()
    found = BaselinePlusPlus(nn.Identity(), n_steps=30).adapt([CAT], support)(query)["cat"]
    torch.testing.assert_close(found, logits(query).detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", [Baseline, BaselinePlusPlus])
def test_fitting_lowers_the_loss_on_the_support(method: type[Baseline | BaselinePlusPlus]) -> None:
    support = points(12)

    def loss(n_steps: int) -> float:
        predictor = method(encoder(), n_steps=n_steps).adapt([CAT], support)
        return float(CAT.objective(predictor(support.inputs)["cat"].detach(), support.targets["cat"]))

    assert loss(50) < loss(5) < loss(0)


@pytest.mark.parametrize("method", [Baseline, BaselinePlusPlus])
def test_examples_without_label_do_not_count(method: type[Baseline | BaselinePlusPlus]) -> None:
    whole = points(9)
    mask = torch.arange(9) < 6
    masked = Batch(
        inputs=whole.inputs, targets={"cat": torch.where(mask, whole.targets["cat"], 77)}, masks={"cat": mask}
    )
    learner = method(encoder(), n_steps=5)
    found = learner.adapt([CAT], masked).state["cat"]["weights"]
    torch.testing.assert_close(found, learner.adapt([CAT], whole.rows(slice(6))).state["cat"]["weights"])


@pytest.mark.parametrize("method", [Baseline, BaselinePlusPlus])
def test_the_meta_gradient_is_right_in_loop_and_vmap(method: type[Baseline | BaselinePlusPlus]) -> None:
    episodes = [Episode(tasks=(CAT,), support=points(6, i, "s"), query=points(6, i, "q")) for i in range(2)]
    check_meta_gradient(method(encoder(), n_steps=4), episodes).raise_if_wrong()


def test_a_cosine_head_does_not_see_lengths() -> None:
    with seeded(0):
        head = CosineHead(5, 3)
    x = points(4).inputs
    torch.testing.assert_close(head(7 * x), head(x))


def test_a_negative_number_of_steps_is_an_error() -> None:
    with pytest.raises(InputError, match="`n_steps` must be 0 or more, got -1"):
        Baseline(nn.Identity(), n_steps=-1)


def test_a_scale_of_zero_is_an_error() -> None:
    with pytest.raises(InputError, match="`scale` must be above 0, got 0"):
        BaselinePlusPlus(nn.Identity(), scale=0)


def test_all_wrong_arguments_of_a_head_are_named_at_once() -> None:
    with pytest.raises(InputError, match="`n_features` must be above 0, got 0; `scale` must be above 0"):
        CosineHead(0, 3, scale=-1)


def test_a_fitted_head_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        FittedHead(nn.Identity())  # pyright: ignore[reportAbstractUsage]
