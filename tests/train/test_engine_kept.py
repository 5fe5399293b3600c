"""A run that was interrupted goes on with the engine that it chose, and is the same to the bit."""

import logging
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing
from polytask.balancing.engines import fastest
from polytask.balancing.methods import UPGrad
from polytask.core import Batch, BundleError, SharedModel, Task
from polytask.data import FunctionEpisodes, JointSource, Sinusoids
from polytask.execution import auto as executions
from polytask.execution.chunked import Chunked
from polytask.meta import mlp
from polytask.meta.initialization import MAML
from polytask.train import train

TASKS = tuple(Task(name=name, kind="regression") for name in "abc")


def run(n_steps: int, **options) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(32, 20, generator=draw)
    targets = {task.name: inputs[:, place] * inputs[:, 5] for place, task in enumerate(TASKS)}
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Linear(20, 24), nn.Tanh(), nn.Linear(24, 16), nn.Tanh())
    learner = SharedModel(TASKS, HardSharing(trunk), {task.name: nn.Linear(16, 1) for task in TASKS})
    source = JointSource(TASKS, Batch(inputs=inputs, targets=targets), batch_size=8, seed=0)
    train(learner, source, n_steps=n_steps, balancer=UPGrad(), validate_every=10, **options)
    return torch.cat([parameter.detach().flatten() for parameter in learner.parameters()])


@pytest.mark.parametrize("first", [1_000, 10**12])
def test_a_resumed_run_is_the_same_to_the_bit_whatever_memory_is_free_by_then(
    first, tmp_path, monkeypatch, caplog
):
    caplog.set_level(logging.INFO, logger=fastest.__name__)
    monkeypatch.setattr(fastest, "free_bytes", lambda _: first)
    whole = run(20)
    run(10, directory=tmp_path)
    monkeypatch.setattr(fastest, "free_bytes", lambda _: 10**12 + 1_000 - first)
    resumed = run(20, directory=tmp_path, resume=True)
    assert len({record.getMessage() for record in caplog.records}) == 1
    assert ("streamed" in caplog.text) == (first == 1_000)
    assert torch.equal(whole, resumed)


def test_the_engine_of_a_run_does_not_depend_on_a_clock(monkeypatch):
    found = []
    for readings in (1e-9, 1e9):
        ticks = iter(range(10**6))
        monkeypatch.setattr(
            "time.perf_counter", lambda ticks=ticks, readings=readings: next(ticks) * readings
        )
        found.append(run(5))
    assert torch.equal(*found)


@pytest.mark.parametrize("again", [False, True])
def test_a_resumed_run_keeps_the_execution_that_was_the_fastest(again, tmp_path, monkeypatch, caplog):
    timed = executions._timed

    def quickest(budget: int | None) -> None:
        """Let the execution of a memory budget be the fastest, or the one without."""

        def fake(execution, *given):
            fast = (getattr(execution, "memory_budget", None) is None) == (budget is None)
            return replace(timed(execution, *given), seconds=0.0 if fast else 1.0)

        monkeypatch.setattr(executions, "_timed", fake)

    def learner() -> MAML:
        torch.manual_seed(0)
        return MAML(mlp([1, 8, 1]))

    def run(model: MAML, n_steps: int, **options) -> Tensor:
        source = FunctionEpisodes(Sinusoids(), n_support=5, n_query=5, n_episodes=3, seed=0)
        train(model, source, n_steps=n_steps, validate_every=3, **options)
        return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])

    caplog.set_level(logging.INFO, logger="polytask.execution")
    quickest(1)
    whole, first = run(learner(), 6), learner()
    run(first, 3, directory=tmp_path)
    assert caplog.text.count("Execution 'vmap' is used") == 2
    quickest(None)
    resumed = run(first if again else learner(), 6, directory=tmp_path, resume=True)
    assert caplog.text.count("is used") == 2  # nothing was measured again
    assert torch.equal(whole, resumed)


def test_a_run_of_another_execution_is_not_resumed(tmp_path):
    source = FunctionEpisodes(Sinusoids(), n_support=5, n_query=5, n_episodes=2, seed=0)
    torch.manual_seed(0)
    model = MAML(mlp([1, 4, 1]))
    train(model, source, n_steps=1, execution="loop", directory=tmp_path)
    with pytest.raises(BundleError, match="`execution` was loop, is Chunked"):
        train(model, source, n_steps=2, execution=Chunked(1), directory=tmp_path, resume=True)
