"""Executions by name: what a name means for a learner, and what is refused."""

import pytest
import torch
from torch import nn

from polytask.architectures import HardSharing
from polytask.core import Batch, Episode, EpisodicLearner, InputError, SharedModel, Task, seeded
from polytask.core.learner import run_loop
from polytask.execution import named_execution, run_vmap
from polytask.execution.auto import Auto
from polytask.execution.chunked import Chunked
from polytask.execution.compiled import Compiled
from polytask.execution.forward import run_forward
from polytask.execution.named import execution_for
from polytask.execution.threads import Threads
from polytask.meta import mlp
from polytask.meta.initialization import MAML
from polytask.meta.model import CNP
from polytask.train import train

Y = Task(name="y", kind="regression")


def by_gradients() -> EpisodicLearner:
    with seeded(0):
        return MAML(mlp([1, 4, 1]))


def by_passing() -> EpisodicLearner:
    with seeded(0):
        return CNP(1, width=4)


def looked_up() -> SharedModel:
    return SharedModel([Y], HardSharing(nn.Linear(1, 2)), {"y": nn.Linear(2, 1)})


def step() -> list[Episode]:
    half = Batch(inputs=torch.linspace(0, 1, 4).unsqueeze(1), targets={"y": torch.linspace(0, 1, 4)})
    return [Episode(tasks=(Y,), support=half, query=half)] * 3


def test_what_a_learner_says_of_its_gradients_decides_what_auto_tries() -> None:
    first, second = named_execution("auto", by_gradients()), named_execution("auto", by_passing())
    assert isinstance(first, Auto) and isinstance(second, Auto)
    assert [[*e.executions, *e.within, *e.later] for e in (first, second)] == [
        ["loop", "vmap", "threads", "compiled"],
        ["loop", "forward"],
    ]


def test_auto_keeps_one_that_gives_what_the_loop_gives() -> None:
    learner = by_passing()
    auto = named_execution("auto", learner)
    assert isinstance(auto, Auto)
    values = learner.objectives(step(), execution=auto).values
    assert auto.choice in ("loop", "forward")
    torch.testing.assert_close(values, run_loop(learner, step()))


def test_every_other_name_is_one_execution() -> None:
    learner = by_passing()
    assert named_execution("loop", learner) is run_loop
    assert named_execution("vmap", learner) is run_vmap
    assert named_execution("forward", learner) is run_forward
    assert isinstance(named_execution("chunked", learner), Chunked)
    assert isinstance(named_execution("threads", learner), Threads)
    assert isinstance(named_execution("compiled", learner), Compiled)


def test_a_function_is_its_own_execution() -> None:
    assert named_execution(run_loop, by_gradients()) is run_loop
    assert execution_for(by_gradients(), run_loop) is run_loop


@pytest.mark.parametrize("name", ["each", "fast"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"`execution` is '{name}'; use 'auto', 'loop', 'vmap', 'forward'"):
        named_execution(name, by_gradients())  # pyright: ignore[reportArgumentType]


def test_a_forward_pass_is_refused_to_a_learner_with_inner_gradients() -> None:
    with pytest.raises(InputError, match=r"'forward', but \w+ takes gradients as it learns.*use 'vmap'"):
        train(by_gradients(), lambda index: step(), n_steps=1, execution="forward")  # pyright: ignore[reportArgumentType]


def test_a_learner_without_support_has_no_execution() -> None:
    assert execution_for(looked_up(), "auto") is None
    with pytest.raises(InputError, match="`execution` is for learners that learn from the support"):
        execution_for(looked_up(), "vmap")
