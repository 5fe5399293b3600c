"""Gradients of pooled convolutions, taken at the pooling, are those of backward passes."""

from collections.abc import Callable

import pytest
import torch
import torch.utils.checkpoint
from torch import Tensor, nn
from torch.nn import functional

from polytask.architectures import HardSharing
from polytask.balancing.engines import Engine, FullJacobian, Layerwise
from polytask.balancing.engines.linear_use import consumers_of
from polytask.balancing.engines.pooled_convolution import pooled_convolutions
from polytask.balancing.step.gradients import StepGradients
from polytask.balancing.step.graph import StepGraph
from polytask.balancing.step.parts import Whole
from polytask.balancing.step.processes import OneProcess
from polytask.core import Objectives, SharedModel, Task, generator, jacobian, seeded

N_OBJECTIVES = 10


class Twice(nn.Module):
    """The convolution's output is used beside the pooling too."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 3, 3, padding=1)

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.layer(inputs)
        return functional.max_pool2d(maps, 2).flatten(1) + maps.mean()


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.max_pool2d(self.layer(functional.max_pool2d(self.layer(inputs), 2)), 2)


class Mean(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean((2, 3))


def conv(n_inputs: int = 2, n_outputs: int = 3, **options) -> nn.Conv2d:
    return nn.Conv2d(n_inputs, n_outputs, 3, **{"padding": 1, **options})


def frozen_weight() -> nn.Module:
    layer = conv()
    layer.weight.requires_grad_(False)
    return nn.Sequential(layer, nn.MaxPool2d(2))


def frozen_bias() -> nn.Module:
    layer = conv()
    layer.bias.requires_grad_(False)
    return nn.Sequential(layer, nn.MaxPool2d(2))


COVERED: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "maximum": (lambda: nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(2)), 1),
    "in place": (lambda: nn.Sequential(conv(), nn.ReLU(inplace=True), nn.MaxPool2d(2)), 1),
    "no ReLU": (lambda: nn.Sequential(conv(), nn.MaxPool2d(2)), 1),
    "overlapping maxima": (lambda: nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)), 1),
    "uneven maxima": (lambda: nn.Sequential(conv(padding=0), nn.ReLU(), nn.MaxPool2d(3)), 1),
    "mean": (lambda: nn.Sequential(conv(), nn.ReLU(), nn.AvgPool2d(2)), 1),
    "mean, no ReLU": (lambda: nn.Sequential(conv(), nn.AvgPool2d((2, 4))), 1),
    "adaptive": (lambda: nn.Sequential(conv(), nn.ReLU(), nn.AdaptiveAvgPool2d((2, 4))), 1),
    "global": (lambda: nn.Sequential(conv(), nn.ReLU(), nn.AdaptiveAvgPool2d(1)), 1),
    "global, by mean": (lambda: nn.Sequential(conv(), nn.ReLU(), Mean()), 1),
    "no bias": (lambda: nn.Sequential(conv(bias=False), nn.ReLU(), nn.MaxPool2d(2)), 1),
    "frozen bias": (frozen_bias, 1),
    "strided": (lambda: nn.Sequential(conv(stride=(1, 2)), nn.ReLU(), nn.MaxPool2d(2)), 1),
    "dilated": (lambda: nn.Sequential(conv(dilation=2, padding=2), nn.ReLU(), nn.AvgPool2d(2)), 1),
    "padded alike": (lambda: nn.Sequential(conv(padding="same"), nn.ReLU(), nn.MaxPool2d(2)), 1),
    "reflected": (lambda: nn.Sequential(conv(padding_mode="reflect"), nn.ReLU(), nn.MaxPool2d(2)), 1),
    "two": (
        lambda: nn.Sequential(
            conv(), nn.ReLU(), nn.MaxPool2d(2), conv(3, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(2)
        ),
        2,
    ),
    "channels last": (
        lambda: nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(2)).to(memory_format=torch.channels_last),
        1,
    ),
}  # fmt: skip
LEFT: dict[str, Callable[[], nn.Module]] = {
    "used twice": Twice,
    "tied": Tied,
    "BatchNorm between": lambda: nn.Sequential(conv(), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)),
    "groups": lambda: nn.Sequential(conv(2, 4, groups=2), nn.ReLU(), nn.MaxPool2d(2)),
    "transposed": lambda: nn.Sequential(nn.ConvTranspose2d(2, 3, 3, padding=1), nn.MaxPool2d(2)),
    "little pooling": lambda: nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d((1, 2))),
    "overlapping means": lambda: nn.Sequential(conv(), nn.ReLU(), nn.AvgPool2d(3, 2)),
    "uneven means": lambda: nn.Sequential(conv(), nn.ReLU(), nn.AdaptiveAvgPool2d(3)),
    "padded means": lambda: nn.Sequential(conv(), nn.ReLU(), nn.AvgPool2d(4, padding=2)),
    "frozen weight": frozen_weight,
    "one dimension": lambda: nn.Sequential(
        nn.Flatten(2), nn.Conv1d(2, 3, 3), nn.ReLU(), nn.MaxPool1d(4)
    ),
}  # fmt: skip


def build(make: Callable[[], nn.Module]) -> tuple[SharedModel, Callable[[], Objectives]]:
    names = [f"t{index}" for index in range(N_OBJECTIVES)]
    tasks = [Task(name=name, kind="regression") for name in names]
    with seeded(0, "trunk"):
        trunk = nn.Sequential(make(), nn.Flatten(), nn.Tanh()).double()
        inputs = torch.randn(5, 2, 8, 8, dtype=torch.float64, generator=generator(0))
        width = trunk(inputs).shape[1]
        learner = SharedModel(tasks, HardSharing(trunk), {name: nn.Linear(width, 1) for name in names})
    learner.double()

    def objectives() -> Objectives:
        encoded = trunk(inputs)
        values = torch.stack([learner.heads[task.name](encoded).square().mean() for task in tasks])
        return Objectives(names=tuple(names), values=values)

    return learner, objectives


def step(learner: SharedModel, objectives: Objectives) -> StepGraph:
    shared = [p for p in learner.sharing.parameters() if p.requires_grad]
    return StepGraph(objectives, shared, list(learner.heads.parameters()))


def gramian(learner: SharedModel, objectives: Objectives, engine: Engine | None = None) -> Tensor:
    shared = [p for p in learner.sharing.parameters() if p.requires_grad]
    private = list(learner.heads.parameters())
    return (engine or Layerwise()).gramian(StepGradients(Whole(objectives, OneProcess()), shared, private))


def found(learner: SharedModel, objectives: Objectives) -> int:
    graph = step(learner, objectives)
    return len(pooled_convolutions(consumers_of(graph.roots), graph.shared, N_OBJECTIVES))


@pytest.mark.parametrize("name", COVERED)
def test_a_pooled_convolution_is_found_and_the_gramian_is_that_of_the_jacobian(name: str) -> None:
    make, n_found = COVERED[name]
    learner, objectives = build(make)
    shared = [p for p in learner.sharing.parameters() if p.requires_grad]
    rows = jacobian(objectives().values, shared)
    assert found(learner, objectives()) == n_found
    torch.testing.assert_close(gramian(learner, objectives()), rows @ rows.T, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", LEFT)
def test_what_does_not_fit_is_left_to_the_backward_pass(name: str) -> None:
    learner, objectives = build(LEFT[name])
    shared = [p for p in learner.sharing.parameters() if p.requires_grad]
    rows = jacobian(objectives().values, shared)
    assert found(learner, objectives()) == 0
    torch.testing.assert_close(gramian(learner, objectives()), rows @ rows.T, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", ["maximum", "mean", "global", "two"])
@pytest.mark.parametrize("room", [1, 3000, 20_000, 10**9])
@pytest.mark.parametrize("chunk", [1, 3000])
def test_small_buffers_give_the_same(
    monkeypatch: pytest.MonkeyPatch, name: str, room: int, chunk: int
) -> None:
    learner, objectives = build(COVERED[name][0])
    expected = gramian(learner, objectives())
    engines = "polytask.balancing.engines"
    monkeypatch.setattr(f"{engines}.layerwise._ROOM", 0)
    monkeypatch.setattr(f"{engines}.pooled_convolution.PooledConvolution.n_bytes", room)
    monkeypatch.setattr(f"{engines}.pooled_convolution._CHUNK", chunk)
    torch.testing.assert_close(gramian(learner, objectives()), expected, rtol=1e-9, atol=1e-14)


def test_an_objective_that_does_not_come_by_has_a_gradient_of_zero() -> None:
    learner, objectives = build(COVERED["two"][0])
    shared = list(learner.sharing.parameters())
    free = nn.Parameter(torch.ones((), dtype=torch.float64))

    def partly() -> Objectives:
        whole = objectives()
        values = torch.stack([free if index % 3 == 1 else v for index, v in enumerate(whole.values)])
        return Objectives(names=whole.names, values=values)

    rows = jacobian(partly().values, shared)
    assert not rows[1].any() and rows[0].any()
    torch.testing.assert_close(gramian(learner, partly()), rows @ rows.T, rtol=1e-9, atol=1e-14)


def test_few_objectives_are_not_worth_it() -> None:
    learner, objectives = build(COVERED["maximum"][0])
    graph = step(learner, objectives())
    assert pooled_convolutions(consumers_of(graph.roots), graph.shared, 7) == []


def test_lower_precision_of_autocast_is_left_to_the_backward_pass() -> None:
    learner, _ = build(COVERED["maximum"][0])
    learner.float()
    with torch.autocast("cpu", torch.bfloat16):
        values = learner.sharing.trunk(torch.randn(4, 2, 8, 8)).float().sum(0)[:N_OBJECTIVES]
    assert pooled_convolutions(consumers_of([values]), list(learner.sharing.parameters()), N_OBJECTIVES) == []


def test_a_recomputed_part_gives_the_same() -> None:
    learner, objectives = build(COVERED["two"][0])
    expected = gramian(learner, objectives())
    inner = learner.sharing.trunk[0]
    forward = inner.forward
    inner.forward = lambda inputs: torch.utils.checkpoint.checkpoint(forward, inputs, use_reentrant=False)
    torch.testing.assert_close(gramian(learner, objectives()), expected, rtol=1e-9, atol=1e-14)


def test_the_step_with_taps_finds_them_too() -> None:
    learner, objectives = build(COVERED["two"][0])
    trunk, names = learner.sharing.trunk, objectives().names
    inputs = torch.randn(5, 2, 8, 8, dtype=torch.float64, generator=generator(0))

    def tapped() -> Objectives:
        encoded = trunk(inputs)
        tap = encoded.view_as(encoded)
        values = torch.stack([learner.heads[name](tap).square().mean() for name in names])
        return Objectives(names=names, values=values, taps=(dict.fromkeys(names, tap),))

    assert found(learner, tapped()) == 2
    expected = gramian(learner, tapped(), FullJacobian())
    torch.testing.assert_close(gramian(learner, tapped()), expected, rtol=1e-9, atol=1e-14)
