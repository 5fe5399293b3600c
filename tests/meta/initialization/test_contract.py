"""What each method adapts, from where, and by which rate: one inner step of each against its formula."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from polytask.core import Batch, Episode, Task, generator, seeded
from polytask.core.learner import TOGETHER
from polytask.meta import GradientLearner
from polytask.meta.adaptation.rules import SGD
from polytask.meta.initialization import (
    ANIL,
    BOIL,
    CAVIA,
    FOMAML,
    IMAML,
    MAML,
    MAMLPlusPlus,
    ProtoMAML,
    Reptile,
)
from polytask.meta.optimization import ALFA, MetaCurvature, MetaSGD, WarpGrad

CLASSES = Task(name="c", kind="multiclass", n_outputs=3)


BODY, HEAD = {"0.weight", "0.bias"}, {"3.weight", "3.bias"}


NORM = {"1.weight", "1.bias"}


def batch(n_rows: int, *path: str | int) -> Batch:
    x = torch.randn(n_rows, 4, generator=generator(0, *path))
    return Batch(inputs=x, targets={"c": torch.arange(n_rows) % 3})


EPISODE = Episode(tasks=(CLASSES,), support=batch(6, "support"), query=batch(6, "query"))


def net(n_in: int = 4) -> nn.Sequential:
    with seeded(0):
        return nn.Sequential(nn.Linear(n_in, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 3))


def body() -> nn.Sequential:
    return net()[:3]


LEARNERS: dict[str, tuple[Callable[[], GradientLearner], set[str]]] = {
    "MAML": (lambda: MAML(net(), inner_rate=0.3), BODY | NORM | HEAD),
    "MAML that leaves norms": (lambda: MAML(net(), inner_rate=0.3, adapt_normalization=False), BODY | HEAD),
    "FOMAML": (lambda: FOMAML(net(), inner_rate=0.3), BODY | NORM | HEAD),
    "FOMAML that leaves norms": (
        lambda: FOMAML(net(), inner_rate=0.3, adapt_normalization=False),
        BODY | HEAD,
    ),
    "ANIL": (lambda: ANIL(net(), inner_rate=0.3, n_steps=1), HEAD),
    "ANIL with a head by name": (lambda: ANIL(net(), head="0", inner_rate=0.3, n_steps=1), BODY),
    "BOIL": (lambda: BOIL(net(), inner_rate=0.3), BODY | NORM),
    "CAVIA": (lambda: CAVIA(net(6), n_context=2, inner_rate=0.3), {"context"}),
    "MAML++": (
        lambda: MAMLPlusPlus(net(), inner_rate=0.3, n_steps=1, per_step_normalization=False),
        BODY | NORM | HEAD,
    ),
    "ProtoMAML": (
        lambda: ProtoMAML(body(), inner_rate=0.3, n_steps=1),
        {f"encoder.{name}" for name in BODY | NORM} | {"head_weight", "head_bias"},
    ),
    "Reptile": (lambda: Reptile(net(), rule=SGD(0.3), n_steps=1), BODY | NORM | HEAD),
    "iMAML": (lambda: IMAML(net(), rule=SGD(0.3), n_steps=1), BODY | NORM | HEAD),
    "Meta-SGD": (lambda: MetaSGD(net(), rate=0.3), BODY | NORM | HEAD),
    "Meta-Curvature": (lambda: MetaCurvature(net(), inner_rate=0.3), BODY | NORM | HEAD),
    "ALFA": (lambda: ALFA(net(), inner_rate=0.3, n_steps=1), BODY | NORM | HEAD),
    "WarpGrad": (
        lambda: WarpGrad(net(), inner_rate=0.3, n_steps=1),
        {"0.layer.weight", "0.layer.bias"} | NORM | HEAD,
    ),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_the_first_step_goes_down_the_gradient_by_the_rate_asked_for(name: str) -> None:
    build, adapted = LEARNERS[name]
    learner = build()
    assert EPISODE.support is not None
    start = {n: p.detach().requires_grad_() for n, p in learner.initial([CLASSES], EPISODE.support).items()}
    loss = learner.loss(start, [CLASSES], EPISODE.support, 0)
    gradients = torch.autograd.grad(loss, list(start.values()))
    expected = {n: p.detach() - 0.3 * g for (n, p), g in zip(start.items(), gradients, strict=True)}
    found = learner.adapt([CLASSES], EPISODE.support).state[TOGETHER]
    assert set(found) == adapted
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", ["ANIL", "BOIL", "CAVIA", "MAML that leaves norms"])
def test_what_is_not_adapted_is_meta_learned_all_the_same(name: str) -> None:
    learner = LEARNERS[name][0]()
    learner.objectives([EPISODE]).total().backward()
    for parameter in learner.parameters():
        assert parameter.grad is not None and bool(parameter.grad.any())
