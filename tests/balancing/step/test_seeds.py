"""Gradients at the representation that are made of factors are those that autograd gives."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from polytask.balancing.step.graph import StepGraph
from polytask.balancing.step.seeds import LinearSeeds, StackedSeeds
from polytask.core import Objectives
from polytask.core.shared_model import tap

NAMES = ("a", "b", "c")
TRUNK = nn.Linear(4, 6).double()
WEIGHTS = torch.tensor([0.5, -2.0, 3.0], dtype=torch.float64)
Head = Callable[[Tensor], Tensor]


def heads(kind: str) -> Sequence[Head]:
    torch.manual_seed(1)
    if kind == "of several outputs":
        return [nn.Linear(6, size).double() for size in (1, 2, 1)]
    if kind == "without bias":
        return [nn.Linear(6, 1, bias=False).double() for _ in NAMES]
    if kind == "of two layers":
        return [nn.Sequential(nn.Linear(6, 1), nn.Tanh(), nn.Linear(1, 2)).double() for _ in NAMES]
    if kind == "one does not look":
        alone = nn.Parameter(torch.ones(2, 1).double())
        return [nn.Linear(6, 1).double(), lambda _: alone, nn.Linear(6, 2).double()]
    if kind == "one looks twice":
        first, second = nn.Linear(6, 2).double(), nn.Linear(6, 2).double()
        return [*(nn.Linear(6, 1).double() for _ in "ab"), lambda x: first(x) * second(x)]
    if kind == "one is no layer":
        return [*(nn.Linear(6, 1).double() for _ in "ab"), torch.tanh]
    if kind == "one multiplies from the left":
        left = nn.Parameter(torch.randn(3, 5).double())
        return [*(nn.Linear(6, 1).double() for _ in "ab"), lambda x: left @ x]
    if kind == "one is scaled":
        weight, bias = torch.randn(6, 2).double().requires_grad_(), torch.randn(2).double()
        return [*(nn.Linear(6, 1).double() for _ in "ab"), lambda x: torch.addmm(bias, x, weight, alpha=3.0)]
    if kind == "of many outputs":
        return [nn.Linear(6, 40).double() for _ in NAMES]
    return [nn.Linear(6, 1).double() for _ in NAMES]


def step(kind: str, *, hook: bool = False) -> tuple[Objectives, Tensor, list[Tensor]]:
    """Return objectives, the representation, and the gradient of each objective there."""
    torch.manual_seed(0)
    inputs = torch.randn(5, 4, dtype=torch.float64)
    shared = TRUNK(inputs)
    taps = tap(shared, NAMES)
    if hook:
        taps["b"].register_hook(lambda gradient: 2 * gradient)
    values = [head(taps[name]).square().mean() for name, head in zip(NAMES, heads(kind), strict=True)]
    each = [
        torch.autograd.grad(v, shared, retain_graph=True, materialize_grads=True, allow_unused=True)[0]
        for v in values
    ]
    return Objectives(values=torch.stack(values), names=NAMES, taps=(taps,)), shared, each


@pytest.mark.parametrize(
    ("kind", "factored"),
    [
        ("plain", True),
        ("of several outputs", True),
        ("without bias", True),
        ("one does not look", True),
        ("of two layers", True),
        ("one looks twice", False),
        ("one is no layer", False),
        ("one multiplies from the left", False),
        ("one is scaled", False),
        ("of many outputs", False),
    ],
)
def test_what_is_made_of_seeds_is_what_the_gradients_give(kind: str, factored: bool) -> None:
    objectives, shared, each = step(kind)
    (seeds,) = StepGraph(objectives, list(TRUNK.parameters()), []).seeds()
    assert isinstance(seeds, LinearSeeds if factored else StackedSeeds)
    rows = torch.stack(each)
    for position, gradient in enumerate(each):
        torch.testing.assert_close(seeds.row(position), gradient)
    torch.testing.assert_close(seeds.gramian(torch.float64), rows.flatten(1) @ rows.flatten(1).T)
    combined = seeds.combined(WEIGHTS)
    assert combined.shape == shared.shape
    torch.testing.assert_close(combined, torch.tensordot(WEIGHTS, rows, dims=1))


def test_a_hook_at_a_tap_is_heard() -> None:
    objectives, _, each = step("plain", hook=True)
    (seeds,) = StepGraph(objectives, list(TRUNK.parameters()), []).seeds()
    assert isinstance(seeds, StackedSeeds)
    torch.testing.assert_close(seeds.row(1), each[1])
