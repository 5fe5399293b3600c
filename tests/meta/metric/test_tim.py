"""TIM: against autograd and torch's Adam, its limits, contract, gradients and messages."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.meta import mlp
from polytask.meta.adaptation.rules import SGD, Adam
from polytask.meta.metric.simple_shot import SimpleShot
from polytask.meta.metric.tim import TIM

CAT = Task(name="cat", kind="multiclass", n_outputs=3)


def points(n_rows: int, *path: str | int) -> Batch:
    x = torch.randn(n_rows, 5, generator=generator(0, *path), dtype=torch.float64)
    return Batch(inputs=x, targets={"cat": torch.arange(n_rows) % 3})


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), alpha=st.floats(0, 1), weight=st.floats(0, 1))
def test_points_move_as_autograd_and_the_optimizer_of_torch_move_them(
    seed: int, alpha: float, weight: float
) -> None:
    support, query = points(6, seed, "s"), points(11, seed, "q").inputs
    z, asked = functional.normalize(support.inputs), functional.normalize(query)
    w = torch.stack([z[k::3].mean(0) for k in range(3)]).requires_grad_()
    optimizer = torch.optim.Adam([w], lr=0.01)

    def logits(rows: torch.Tensor) -> torch.Tensor:
        return -7.5 * (rows[:, None] - w[None]).square().sum(2)

    for _ in range(15):
        p = logits(asked).softmax(1)
        conditional = -(p * p.log()).sum(1).mean()
        marginal = -(p.mean(0) * p.mean(0).log()).sum()
        loss = weight * functional.cross_entropy(logits(z), support.targets["cat"])
        optimizer.zero_grad()
        (loss - marginal + alpha * conditional).backward()
        optimizer.step()
    learner = TIM(nn.Identity(), n_steps=15, rule=Adam(0.01), support_weight=weight, conditional_weight=alpha)
    found = learner.adapt([CAT], support)(query)["cat"]
    torch.testing.assert_close(found, logits(asked).detach(), rtol=1e-5, atol=1e-5)


def test_without_a_step_it_is_the_nearest_mean_of_unit_features() -> None:
    support, query = points(6), points(5, "q").inputs
    expected = SimpleShot(nn.Identity(), transform="unit").adapt([CAT], support)(query)["cat"]
    found = TIM(nn.Identity(), n_steps=0, temperature=2.0).adapt([CAT], support)(query)["cat"]
    torch.testing.assert_close(found, expected)


def test_the_answers_to_queries_become_decided_and_spread() -> None:
    support, query = points(3), points(60, "q").inputs
    found = []
    for n_steps in (0, 300):
        learner = TIM(nn.Identity(), n_steps=n_steps, rule=Adam(0.003))
        p = learner.adapt([CAT], support)(query)["cat"].softmax(1)
        mean = p.mean(0)
        found.append(float(0.1 * (p * p.log()).sum(1).mean() - (mean * mean.log()).sum()))
    assert found[1] > found[0] + 0.001


def test_examples_without_label_do_not_count() -> None:
    whole, query = points(9), points(4, "q").inputs
    mask = torch.arange(9) < 6
    masked = Batch(
        inputs=whole.inputs, targets={"cat": torch.where(mask, whole.targets["cat"], 77)}, masks={"cat": mask}
    )
    learner = TIM(nn.Identity(), n_steps=5, rule=SGD(0.1))
    expected = learner.adapt([CAT], whole.rows(slice(6)))(query)["cat"]
    torch.testing.assert_close(learner.adapt([CAT], masked)(query)["cat"], expected)


def episodes() -> list[Episode]:
    return [
        Episode(tasks=(CAT,), support=points(6, i, "s"), query=points(9, i, "q")).to("cpu", torch.float32)
        for i in range(2)
    ]


def test_the_meta_gradient_is_right_in_loop_and_vmap() -> None:
    with seeded(0):
        learner = TIM(mlp([5, 6, 4], nn.Tanh), n_steps=4, rule=SGD(0.05))
    check_meta_gradient(learner, episodes()).raise_if_wrong()


def test_all_wrong_arguments_are_named_at_once() -> None:
    expected = (
        "`n_steps` must be 0 or more, got -1; `temperature` must be above 0, got 0; `support_weight` must be "
        "0 or more, got -1; `conditional_weight` must be 0 or more, got -2"
    )
    with pytest.raises(InputError, match=expected):
        TIM(nn.Identity(), n_steps=-1, temperature=0, support_weight=-1, conditional_weight=-2)
