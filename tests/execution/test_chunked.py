"""In chunks, of one or as many as fit: the loop's values and gradients, within their memory."""

import functools

import pytest
import torch
from torch import nn

from polytask.core import Batch, Episode, InputError, Task, TrainingError, generator, jacobian, seeded
from polytask.core.learner import run_loop
from polytask.execution import run_vmap
from polytask.execution.chunked import Chunked
from polytask.execution.memory_use import peak_bytes
from polytask.meta import GradientLearner, mlp
from polytask.meta.initialization import MAML

NUMBER = Task(name="y", kind="regression")


def episode(index: int, n_rows: int = 5) -> Episode:
    x = torch.randn(n_rows, 2, generator=generator(0, index), dtype=torch.float64)
    batch = Batch(inputs=x, targets={"y": x.prod(1)})
    return Episode(tasks=(NUMBER,), support=batch, query=batch)


EPISODES = [episode(index) for index in range(4)]


def learner(net: nn.Module | None = None) -> GradientLearner:
    with seeded(0):
        return MAML(net or mlp([2, 4, 1], nn.Tanh), inner_rate=0.1, n_steps=2).double()


def assert_same(execution: object, model: GradientLearner, episodes: list[Episode]) -> None:
    parameters = [p for p in model.parameters() if p.requires_grad]
    expected = run_loop(model, episodes)
    found = execution(model, episodes)  # pyright: ignore[reportCallIssue]
    torch.testing.assert_close(found.detach(), expected.detach())
    torch.testing.assert_close(jacobian(found, parameters), jacobian(expected, parameters))


def test_one_by_one_gives_the_values_and_gradients_of_the_loop() -> None:
    assert_same(Chunked(1), learner(), [*EPISODES, episode(9, n_rows=7)])


def test_one_by_one_holds_the_graph_of_one_episode_alone() -> None:
    model = learner(mlp([2, 64, 64, 1], nn.Tanh))
    episodes = [episode(index, n_rows=100) for index in range(10)]
    parameters = list(model.parameters())

    def peak(execution: object) -> int:
        return peak_bytes(lambda: torch.autograd.grad(execution(model, episodes).sum(), parameters))  # pyright: ignore[reportCallIssue]

    assert peak(Chunked(1)) < 0.3 * peak(run_loop)


def test_one_by_one_refuses_a_second_derivative() -> None:
    model = learner()
    (gradient, *_) = torch.autograd.grad(
        Chunked(1)(model, EPISODES).sum(), list(model.parameters()), create_graph=True
    )
    with pytest.raises(TrainingError, match="cannot be differentiated again"):
        gradient.sum().backward()


def test_as_many_episodes_run_at_once_as_fit() -> None:
    model = learner(mlp([2, 64, 64, 1], nn.Tanh))
    episodes = [episode(index, n_rows=50) for index in range(12)]
    whole = peak_bytes(lambda: run_vmap(model, episodes))
    for share in (0.3, 0.6, 1.5):
        fitted = Chunked(memory_budget=int(share * whole))
        assert_same(fitted, model, episodes)
        (cost,) = fitted.costs.values()
        kept = 12 * sum(parameter.numel() for parameter in model.parameters()) * 8
        assert (cost.n_fitting(int(share * whole) - kept, 12) == 12) == (share > 1)
        assert peak_bytes(functools.partial(fitted, model, episodes)) <= share * whole


def test_at_least_one_episode_runs_however_small_the_budget() -> None:
    fitted = Chunked(memory_budget=1)
    assert_same(fitted, learner(), EPISODES)
    (cost,) = fitted.costs.values()
    assert cost.n_fitting(1, len(EPISODES)) == 1


@pytest.mark.parametrize(("budget", "n_measured"), [(2**30, 1), (1, 3)])
def test_episodes_of_another_size_are_measured_only_where_they_may_not_fit(
    budget: int, n_measured: int
) -> None:
    fitted, model = Chunked(memory_budget=budget), learner(mlp([2, 64, 1], nn.Tanh))
    for n_rows in (10, 20, 15, 20):
        assert_same(fitted, model, [episode(index, n_rows=n_rows) for index in range(4)])
    assert len(fitted.costs) == n_measured


@pytest.mark.parametrize("chunk_size", [1, 3, 100])
def test_chunks_of_any_size_give_the_values_and_gradients_of_the_loop(chunk_size: int) -> None:
    assert_same(Chunked(chunk_size), learner(), [*EPISODES, episode(9, n_rows=7)])


def test_a_run_goes_on_with_the_budget_that_was_found_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polytask.execution.chunked.free_bytes", lambda _: 2**30)
    first, second = Chunked(), Chunked()
    assert first.state_dict() == {}
    first(learner(), EPISODES)
    second.load_state_dict(first.state_dict())
    assert (first.memory_budget, first.budget, second.budget) == (None, 2**29, 2**29)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory_budget": 0}, "`memory_budget` must be at least 1, got 0"),
        ({"chunk_size": 0}, "`chunk_size` must be at least 1, got 0"),
        ({"chunk_size": 2, "memory_budget": 9}, "Give `chunk_size` or `memory_budget`, not both"),
    ],
)
def test_what_is_no_chunk_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Chunked(**options)
