"""Vmapped episodes: vmap does exactly what the loop does, whatever is asked of its result."""

import pytest
import torch
from torch import nn

from polytask.core import Batch, Episode, EpisodeStack, Task, TrainingError, generator, jacobian, seeded
from polytask.core.batch import stack_batches
from polytask.core.learner import Execution, run_loop
from polytask.data import FunctionEpisodes, Sinusoids
from polytask.execution import run_vmap
from polytask.execution.chunked import Chunked
from polytask.execution.forward import run_forward
from polytask.meta import mlp
from polytask.meta.initialization import MAML
from polytask.meta.metric import Prototypes

NUMBER = Task(name="y", kind="regression")


def episode(index: int, n_support: int = 5, task: Task = NUMBER) -> Episode:
    draw = generator(0, "episode", index)

    def batch(n_rows: int) -> Batch:
        x = torch.randn(n_rows, 2, generator=draw, dtype=torch.float64)
        return Batch(inputs=x, targets={task.name: torch.randn(n_rows, generator=draw, dtype=torch.float64)})

    return Episode(tasks=(task,), support=batch(n_support), query=batch(4))


EPISODES = [episode(index) for index in range(4)]


def learner() -> MAML:
    with seeded(0, "learner"):
        net = mlp([2, 6, 1], nn.Tanh).double()
    return MAML(net, inner_rate=0.1, n_steps=2)


def rows(model: nn.Module, values: torch.Tensor) -> torch.Tensor:
    return jacobian(values, list(model.parameters()))


def test_one_backward_gives_the_loops_gradient() -> None:
    by_loop, by_vmap = learner(), learner()
    for model, execution in ((by_loop, run_loop), (by_vmap, run_vmap)):
        model.objectives(EPISODES, execution=execution).values.mean().backward()
    for expected, found in zip(by_loop.parameters(), by_vmap.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-10, atol=1e-14)


def test_every_episode_has_its_own_gradient_for_a_balancer() -> None:
    model = learner()
    found, expected = rows(model, run_vmap(model, EPISODES)), rows(model, run_loop(model, EPISODES))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(found @ found.T, expected @ expected.T, rtol=1e-10, atol=1e-14)


def test_a_batched_backward_gives_all_gradients_at_once() -> None:
    model = learner()
    values = run_vmap(model, EPISODES)
    found = torch.autograd.grad(
        values, list(model.parameters()), torch.eye(4, dtype=torch.float64), is_grads_batched=True
    )
    expected = rows(model, run_loop(model, EPISODES))
    torch.testing.assert_close(
        torch.cat([gradient.flatten(1) for gradient in found], 1), expected, rtol=1e-10, atol=1e-14
    )


def test_values_may_be_weighted_and_transformed() -> None:
    model = learner()
    weights = torch.tensor([1.0, -2.0, 0.0, 0.5], dtype=torch.float64)
    found = jacobian((run_vmap(model, EPISODES).log() * weights).sum()[None], list(model.parameters()))
    expected = jacobian((run_loop(model, EPISODES).log() * weights).sum()[None], list(model.parameters()))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def test_differentiating_the_gradient_again_is_an_error_not_a_zero() -> None:
    model = learner()
    parameters = list(model.parameters())
    gradients = torch.autograd.grad(run_vmap(model, EPISODES).sum(), parameters, create_graph=True)
    with pytest.raises(TrainingError, match=r"cannot be differentiated again.*run_loop"):
        torch.cat([gradient.flatten() for gradient in gradients]).square().sum().backward()


def test_episodes_of_different_shapes_keep_their_order() -> None:
    mixed = [
        episode(0),
        episode(1, n_support=3),
        episode(2),
        episode(3, n_support=3),
        episode(4, n_support=9),
        episode(5),
    ]
    model = learner()
    values = run_vmap(model, mixed)
    torch.testing.assert_close(values, run_loop(model, mixed), rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(
        rows(model, values), rows(model, run_loop(model, mixed)), rtol=1e-10, atol=1e-14
    )


def test_episodes_of_different_tasks_are_not_mixed() -> None:
    cubed = Task(name="z", kind="regression", loss=lambda p, t: (p - t).abs() ** 3)
    mixed = [episode(0), episode(1, task=cubed), episode(2, task=cubed), episode(3)]
    model = learner()
    torch.testing.assert_close(run_vmap(model, mixed), run_loop(model, mixed), rtol=1e-10, atol=1e-14)


def test_without_gradients_the_values_are_the_same() -> None:
    model = learner()
    with torch.no_grad():
        values = run_vmap(model, EPISODES)
        torch.testing.assert_close(values, run_loop(model, EPISODES), rtol=1e-10, atol=1e-14)
    assert not values.requires_grad


@pytest.mark.parametrize("execution", [run_loop, run_vmap, run_forward, Chunked()])
def test_inference_mode_gives_the_same_values(execution: Execution) -> None:
    model = learner()
    expected = run_loop(model, EPISODES).detach()
    with torch.inference_mode():
        made = [episode(index) for index in range(4)]
        stack = EpisodeStack(
            tasks=made[0].tasks,
            support=stack_batches([one.support for one in made if one.support is not None]),
            query=stack_batches([one.query for one in made]),
        )
        found = [model.objectives(episodes, execution=execution).values for episodes in (made, stack)]
    for values in found:
        torch.testing.assert_close(values.clone(), expected, rtol=1e-10, atol=1e-14)


def test_dropout_differs_between_episodes() -> None:
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(64, 1)).double()
    half = Batch(inputs=torch.ones(3, 64).double(), targets={"y": torch.zeros(3).double()})
    same = [Episode(tasks=(NUMBER,), support=half, query=half)] * 3
    with seeded(0):
        values = run_vmap(MAML(net), same)
    assert values.unique().numel() == 3


def test_buffers_are_read_but_not_differentiated() -> None:
    with seeded(0):
        net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 1)).double()
    net[1].running_mean += 0.5  # pyright: ignore[reportOperatorIssue]
    model = MAML(net, normalization="frozen")
    torch.testing.assert_close(
        rows(model, run_vmap(model, EPISODES)), rows(model, run_loop(model, EPISODES)), rtol=1e-10, atol=1e-14
    )


def test_any_episodic_learner_can_be_vmapped() -> None:
    with seeded(0):
        model = Prototypes(mlp([2, 5]).double())
    task = Task(name="class", kind="multiclass", n_outputs=2)

    def labelled(index: int) -> Batch:
        x = torch.randn(4, 2, generator=generator(1, index), dtype=torch.float64)
        return Batch(inputs=x, targets={"class": torch.tensor([0, 1, 0, 1])})

    episodes = [Episode(tasks=(task,), support=labelled(i), query=labelled(9 - i)) for i in range(3)]
    torch.testing.assert_close(
        rows(model, run_vmap(model, episodes)), rows(model, run_loop(model, episodes)), rtol=1e-10, atol=1e-14
    )


def test_a_stack_from_a_source_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    source = FunctionEpisodes(Sinusoids(), n_support=5, n_query=6, n_episodes=4, seed=0)
    stack = source.step(0)
    assert isinstance(stack, EpisodeStack)
    with seeded(0):
        model = MAML(mlp([1, 6, 1], nn.Tanh), n_steps=2)
    expected = run_loop(model, list(stack))
    monkeypatch.setattr("polytask.execution.groups.stack_batches", None)  # it is stacked already
    for execution in (run_vmap, Chunked(2), Chunked(memory_budget=2**30)):
        torch.testing.assert_close(model.objectives(stack, execution=execution).values, expected)
