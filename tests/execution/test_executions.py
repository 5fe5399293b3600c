"""One by one, in chunks that fit, compiled: the loop's values and gradients, within their memory."""

import copy
import functools
import logging

import pytest
import torch
from torch import Tensor, nn

from polytask.core import (
    Batch,
    Episode,
    InputError,
    Task,
    TrainingError,
    generator,
    jacobian,
    run_loop,
    seeded,
)
from polytask.execution import Compiled, Fastest, FittedVmap, peak_bytes, run_each, run_vmap
from polytask.meta import MAML, GradientLearner, mlp

NUMBER = Task(name="y", kind="regression")


def episode(index: int, n_rows: int = 5) -> Episode:
    x = torch.randn(n_rows, 2, generator=generator(0, index), dtype=torch.float64)
    batch = Batch(inputs=x, targets={"y": x.prod(1)})
    return Episode(tasks=(NUMBER,), support=batch, query=batch)


EPISODES = [episode(index) for index in range(4)]


def learner(net: nn.Module | None = None) -> GradientLearner:
    with seeded(0):
        return MAML(net or mlp([2, 4, 1], nn.Tanh), inner_rate=0.1, n_steps=2, execution="loop").double()


def assert_same(execution: object, model: GradientLearner, episodes: list[Episode]) -> None:
    parameters = [p for p in model.parameters() if p.requires_grad]
    expected = run_loop(model, episodes)
    found = execution(model, episodes)  # pyright: ignore[reportCallIssue]
    torch.testing.assert_close(found.detach(), expected.detach())
    torch.testing.assert_close(jacobian(found, parameters), jacobian(expected, parameters))


def test_one_by_one_gives_the_values_and_gradients_of_the_loop() -> None:
    assert_same(run_each, learner(), [*EPISODES, episode(9, n_rows=7)])


def test_one_by_one_holds_the_graph_of_one_episode_alone() -> None:
    model = learner(mlp([2, 64, 64, 1], nn.Tanh))
    episodes = [episode(index, n_rows=100) for index in range(10)]
    parameters = list(model.parameters())

    def peak(execution: object) -> int:
        return peak_bytes(lambda: torch.autograd.grad(execution(model, episodes).sum(), parameters))  # pyright: ignore[reportCallIssue]

    assert peak(run_each) < 0.3 * peak(run_loop)


def test_one_by_one_refuses_a_second_derivative() -> None:
    model = learner()
    (gradient, *_) = torch.autograd.grad(
        run_each(model, EPISODES).sum(), list(model.parameters()), create_graph=True
    )
    with pytest.raises(TrainingError, match="cannot be differentiated again"):
        gradient.sum().backward()


def test_the_peak_is_that_of_tensors_alive_at_one_time() -> None:
    def build() -> Tensor:
        first = torch.zeros(1000, dtype=torch.float64)
        second = first + 1
        del first
        third = second * 2  # two of them alive again
        return third[:10]

    assert peak_bytes(build) == 16_000


def test_what_existed_before_does_not_count() -> None:
    given = torch.zeros(1000)
    assert peak_bytes(lambda: given.view(10, 100).add_(1)) == 0


def test_what_passes_the_limit_is_broken_off() -> None:
    reached = []

    def build() -> None:
        kept = [torch.zeros(1000) for _ in range(10)]
        reached.append(len(kept))

    assert 8000 < peak_bytes(build, limit=8000) <= 12_000
    assert not reached
    assert peak_bytes(build, limit=40_000) == 40_000
    assert reached == [10]


def test_auto_takes_no_more_than_its_budget_while_it_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polytask.execution.fastest._LEAST", 1)
    model = learner(mlp([2, 64, 64, 1], nn.Tanh))
    episodes = [episode(index, n_rows=100) for index in range(10)]
    parameters = list(model.parameters())

    def peak(execution: object) -> int:
        return peak_bytes(lambda: torch.autograd.grad(execution(model, episodes).sum(), parameters))  # pyright: ignore[reportCallIssue]

    reference = peak(run_each)
    fastest = Fastest({"each": run_each}, within={"vmap": FittedVmap})
    assert peak(run_vmap) > 3 * reference
    assert peak(fastest) < 2.2 * reference  # beside the trial lies a copy of the learner
    assert set(fastest.executions) == {"each", "vmap"}


def test_as_many_episodes_run_at_once_as_fit() -> None:
    model = learner(mlp([2, 64, 64, 1], nn.Tanh))
    episodes = [episode(index, n_rows=50) for index in range(12)]
    whole = peak_bytes(lambda: run_vmap(model, episodes))
    for share in (0.3, 0.6, 1.5):
        fitted = FittedVmap(int(share * whole))
        assert_same(fitted, model, episodes)
        (cost,) = fitted.costs.values()
        kept = 12 * sum(parameter.numel() for parameter in model.parameters()) * 8
        assert (cost.n_fitting(int(share * whole) - kept, 12) == 12) == (share > 1)
        assert peak_bytes(functools.partial(fitted, model, episodes)) <= share * whole


def test_at_least_one_episode_runs_however_small_the_budget() -> None:
    fitted = FittedVmap(1)
    assert_same(fitted, learner(), EPISODES)
    (cost,) = fitted.costs.values()
    assert cost.n_fitting(1, len(EPISODES)) == 1


@pytest.mark.parametrize(("budget", "n_measured"), [(2**30, 1), (1, 3)])
def test_episodes_of_another_size_are_measured_only_where_they_may_not_fit(
    budget: int, n_measured: int
) -> None:
    fitted, model = FittedVmap(budget), learner(mlp([2, 64, 1], nn.Tanh))
    for n_rows in (10, 20, 15, 20):
        assert_same(fitted, model, [episode(index, n_rows=n_rows) for index in range(4)])
    assert len(fitted.costs) == n_measured


def test_auto_prepares_no_programs_where_every_step_is_of_another_kind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fastest = Fastest({"each": run_each}, later={"vmap": FittedVmap}, patience=1e9)
    model = learner()
    with caplog.at_level(logging.INFO, logger="polytask.meta"):
        for n_rows in range(5, 12):
            fastest(model, [episode(index, n_rows=n_rows) for index in range(3)])
        fastest.patience = 0.0
        fastest(model, EPISODES)
    assert set(fastest.executions) == {"each"}
    assert "Steps are of 5 kinds or more: vmap not tried." in caplog.text


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "DEFAULT",
    reason="torch compiles for the processor at hand, but its headers go by ATEN_CPU_CAPABILITY",
)
def test_a_program_is_compiled_once_and_again_for_another_setting() -> None:
    model, compiled = learner(), Compiled()
    assert_same(compiled, model, EPISODES)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.5)  # values may change
    assert_same(compiled, model, EPISODES)
    assert compiled.n_compiled == 1
    assert_same(compiled, model.with_steps(1), EPISODES)
    assert compiled.n_compiled == 2
    assert copy.deepcopy(compiled) is compiled


def test_a_step_that_branches_on_values_cannot_be_compiled() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.layer(inputs) if float(inputs.sum()) > 0 else -self.layer(inputs)

    with pytest.raises(TrainingError, match=r'could not be compiled: .* Use `execution="vmap"`'):
        Compiled()(learner(Branching()), EPISODES)


def test_a_program_stays_within_its_memory() -> None:
    with pytest.raises(TrainingError, match="4 episodes at once would take more than the 0 MiB allowed"):
        Compiled(memory=1000)(learner(), EPISODES)


def test_auto_tries_to_compile_when_the_steps_have_taken_long(caplog: pytest.LogCaptureFixture) -> None:
    fastest = Fastest({"each": run_each}, later={"vmap": FittedVmap}, patience=0.0)
    model = learner()
    with caplog.at_level(logging.INFO, logger="polytask.meta"):
        fastest(model, EPISODES)
        assert set(fastest.executions) == {"each"}
        fastest(model, EPISODES)
    assert set(fastest.executions) == {"each", "vmap"}
    assert caplog.text.count("is used: ") == 2


def test_auto_has_a_budget_of_twice_the_reference_unless_told() -> None:
    fastest = Fastest({"each": run_each}, within={"vmap": FittedVmap})
    fastest(learner(), EPISODES)
    assert fastest.memory == 16 * 2**20
    assert fastest.executions["vmap"].memory == 16 * 2**20  # pyright: ignore[reportFunctionMemberAccess]


@pytest.mark.parametrize("name", ["each", "chunks", "vmap"])
def test_a_learner_takes_executions_by_name(name: str) -> None:
    with seeded(0):
        model = MAML(mlp([2, 4, 1]), execution=name).double()  # pyright: ignore[reportArgumentType]
    assert_same(model.execution, model, EPISODES)


def test_a_budget_of_nothing_is_an_error() -> None:
    with pytest.raises(InputError, match="`memory` must be a positive number of bytes, got 0"):
        FittedVmap(0)
