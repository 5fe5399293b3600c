"""Gradients by perturbations in pairs."""

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, Task, generator
from polytask.core.learner import State, run_loop
from polytask.meta import GradientLearner
from polytask.meta.adaptation.rules import SGD
from polytask.meta.optimization import EvolvedObjective, PersistentEvolution


class Point(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([1.0, -2.0]))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.theta.expand(inputs.shape[0], -1)


def test_the_evolved_gradient_weighs_each_perturbation_by_the_difference_of_its_pair() -> None:
    task = Task(name="y", kind="regression", n_outputs=2, loss=lambda p, t: (p - t).square().sum(-1))
    batch = Batch(inputs=torch.zeros(1, 1), targets={"y": torch.zeros(1, 2)})
    episode = Episode(tasks=(task,), support=batch, query=batch)
    rule, objective = SGD(0.2), EvolvedObjective(sigma=0.1, n_pairs=5)
    learner = GradientLearner(Point(), rule=rule, objective=objective, n_steps=2)
    shrink = (1 - 2 * 0.2) ** 4  # two steps of 0.2 down |theta|^2, squared
    theta, draw = torch.tensor([1.0, -2.0]), torch.Generator().manual_seed(3)
    noises = 0.1 * torch.stack([torch.randn(2, generator=draw) for _ in range(5)])  # [pair, parameter]
    # |theta + e|^2 - |theta - e|^2 is 4 <theta, e>: on average over e this is the gradient 2 theta.
    expected = shrink * (4 * noises @ theta) @ noises / (2 * 5 * 0.1**2)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        (value,) = run_loop(learner, [episode])
    value.backward()
    torch.testing.assert_close(learner.model.theta.grad, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(value.detach(), shrink * theta.square().sum())


def position(theta: State, state: State) -> tuple[State, Tensor]:
    """Walk on by theta; the loss is the place, so that the sum over T windows has the slope T (T + 1) / 2."""
    there = state["x"] + theta["step"]
    return {"x": there}, there.sum()


def test_persistent_evolution_is_unbiased_where_truncation_is_not() -> None:
    evolution = PersistentEvolution(
        position, lambda: {"x": torch.zeros(1)}, n_windows=4, n_particles=3, sigma=0.1, seed=5
    )
    found = [float(evolution.gradient({"step": torch.ones(1)})[0]["step"]) for _ in range(4)]
    draws = generator(5, "persistent evolution")
    noise = torch.stack([torch.randn(1, generator=draws) for _ in range(12)]).reshape(
        4, 3
    )  # [window, particle]
    gathered = noise.cumsum(0)
    # The place after a window is perturbed by all perturbations so far, and is weighted by these: the mean is
    # their variance, t after t windows, where the window's own perturbation alone would give 1 each time.
    expected = gathered.square().mean(1)
    assert found == pytest.approx(expected.tolist(), rel=1e-3, abs=1e-3)


def test_persistent_evolution_begins_anew_after_a_run() -> None:
    evolution = PersistentEvolution(position, lambda: {"x": torch.zeros(1)}, n_windows=2, n_particles=1)
    losses = [float(evolution.gradient({"step": torch.ones(1)})[1]) for _ in range(4)]
    assert losses == pytest.approx([1, 2, 1, 2], abs=1e-5)
