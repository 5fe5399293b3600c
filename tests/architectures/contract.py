"""What every architecture must keep, as checks to call."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from polytask.checks import check_learner
from polytask.core import (
    Batch,
    Episode,
    SharedModel,
    Sharing,
    Task,
    generator,
    private_parameters,
    seeded,
    shared_parameters,
)


def _learner(build: Callable[[], Sharing], inputs: torch.Tensor, names: Sequence[str]):
    with seeded(0, "initialization"):
        sharing = build()
        found = sharing(inputs, names).by_task
        heads = {
            name: nn.Sequential(nn.Flatten(), nn.Linear(value[0].numel(), 1)) for name, value in found.items()
        }
    tasks = tuple(Task(name=name, kind="regression") for name in names)
    draw = generator(0, "targets")
    targets = {name: torch.randn(len(inputs), generator=draw).to(inputs) for name in names}
    episode = Episode(tasks=tasks, query=Batch(inputs=inputs, targets=targets))
    return SharedModel(tasks, sharing, heads), episode


def _gradients(value, tensors, seed=None):
    return torch.autograd.grad(
        value, tensors, seed, retain_graph=True, allow_unused=True, materialize_grads=True
    )


def expect_contract(build: Callable[[], Sharing], inputs: torch.Tensor, names: Sequence[str]) -> None:
    """Run `check_learner` on an architecture with linear heads."""
    learner, episode = _learner(build, inputs, names)
    check_learner(learner, [episode])


def expect_true_taps(build: Callable[[], Sharing], inputs: torch.Tensor, names: Sequence[str]) -> None:
    """Compare gradients chained through the taps with direct ones, in float64."""
    learner, episode = _learner(build, inputs, names)
    found = learner.double().objectives([episode.to("cpu", torch.float64)])
    (taps,) = found.taps
    assert set(taps) == set(names)
    shared, private = shared_parameters(learner), private_parameters(learner)
    for value, name in zip(found.values, found.names, strict=True):
        direct = _gradients(value, shared)
        seeds = dict(zip(names, _gradients(value, [taps[each] for each in names]), strict=True))
        assert {each for each in names if bool(seeds[each].any())} == {name}
        chained = _gradients(taps[name], shared, seeds[name])
        torch.testing.assert_close(chained, direct, rtol=1e-10, atol=1e-12)
        for parameters in private.values():
            upstream = torch.autograd.grad(taps[name].sum(), parameters, allow_unused=True, retain_graph=True)
            assert all(gradient is None for gradient in upstream)
    assert all(bool(gradient.any()) for gradient in _gradients(found.values.square().sum(), shared))


def expect_independence(build: Callable[[], Sharing], inputs: torch.Tensor, names: Sequence[str]) -> None:
    """A task's answer is the same alone, in any company and in any order."""
    with seeded(0, "initialization"):
        sharing = build().eval()
    together = sharing(inputs, list(reversed(names))).by_task
    assert set(together) == set(names)
    for name in names:
        alone = sharing(inputs, [name])
        assert set(alone.by_task) == {name} and set(alone.taps or {name: None}) == {name}
        torch.testing.assert_close(alone.by_task[name], together[name])
    assert sharing(inputs, []).by_task == {}


def expect_true_privacy(build: Callable[[], Sharing], inputs: torch.Tensor, names: Sequence[str]) -> None:
    """A parameter is private exactly where one task alone reaches it, and shared where all do."""
    sharing = build()
    parameters = list(sharing.parameters())
    by_task, reached = sharing(inputs, names).by_task, {}
    for name in names:
        found = torch.autograd.grad(by_task[name].sum(), parameters, retain_graph=True, allow_unused=True)
        for parameter, gradient in zip(parameters, found, strict=True):
            if gradient is not None:
                reached.setdefault(id(parameter), []).append(name)
    shared = {id(parameter) for parameter in shared_parameters(sharing)}
    assert shared == {key for key, tasks in reached.items() if tasks == list(names)}
    for name, own in private_parameters(sharing).items():
        assert {id(parameter) for parameter in own} == {k for k, tasks in reached.items() if tasks == [name]}
