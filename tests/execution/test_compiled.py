"""Compiled steps: the loop's values and gradients, one program for every kind of step."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, EpisodeStack, Task, TrainingError, generator, jacobian, seeded
from polytask.core.batch import stack_batches
from polytask.core.learner import run_loop
from polytask.execution.compiled import Compiled
from polytask.meta import GradientLearner, mlp
from polytask.meta.initialization import MAML

NUMBER = Task(name="y", kind="regression")


def episode(index: int) -> Episode:
    x = torch.randn(5, 2, generator=generator(0, index), dtype=torch.float64)
    batch = Batch(inputs=x, targets={"y": x.prod(1)})
    return Episode(tasks=(NUMBER,), support=batch, query=batch)


EPISODES = [episode(index) for index in range(4)]


def learner(net: nn.Module | None = None) -> GradientLearner:
    with seeded(0):
        return MAML(net or mlp([2, 4, 1], nn.Tanh), inner_rate=0.1, n_steps=1).double()


def assert_same(execution: object, model: GradientLearner, episodes: list[Episode]) -> None:
    parameters = [p for p in model.parameters() if p.requires_grad]
    expected = run_loop(model, episodes)
    found = execution(model, episodes)  # pyright: ignore[reportCallIssue]
    torch.testing.assert_close(found.detach(), expected.detach())
    torch.testing.assert_close(jacobian(found, parameters), jacobian(expected, parameters))


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "DEFAULT",
    reason="torch compiles for the processor at hand, but its headers go by ATEN_CPU_CAPABILITY",
)
def test_a_program_is_compiled_once_and_gives_the_values_and_gradients_of_the_loop() -> None:
    few = nn.Sequential(nn.Linear(2, 1), nn.Tanh())  # every layer takes seconds to compile
    model, compiled = learner(few), Compiled()
    assert_same(compiled, model, EPISODES)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.5)  # values may change
    assert_same(compiled, model, EPISODES)
    assert compiled.n_compiled == 1
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
    with pytest.raises(TrainingError, match="4 episodes at once would take more than the allowed 0 MiB"):
        Compiled(memory_budget=1000)(learner(), EPISODES)


def as_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run programs as the graph that they are compiled of."""
    monkeypatch.setattr("polytask.execution.compiled.compiled_operations", lambda graph, _: graph)


def test_another_setting_has_a_program_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    as_graph(monkeypatch)
    model, compiled = learner(), Compiled()
    assert_same(compiled, model, EPISODES)
    assert_same(compiled, model.with_steps(2), EPISODES)
    assert compiled.n_compiled == 2


STACK = EpisodeStack(
    tasks=(NUMBER,),
    support=stack_batches([e.support for e in EPISODES if e.support is not None]),
    query=stack_batches([e.query for e in EPISODES]),
)


def test_a_stack_is_never_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    as_graph(monkeypatch)
    model, compiled = learner(), Compiled()
    parameters = list(model.parameters())
    expected = run_loop(model, EPISODES)

    def no(*_: object) -> None:
        raise AssertionError("an episode was taken out of the stack")

    monkeypatch.setattr(EpisodeStack, "__getitem__", no)
    monkeypatch.setattr(EpisodeStack, "__iter__", no, raising=False)
    for _ in range(2):
        found = compiled(model, STACK)
        torch.testing.assert_close(found.detach(), expected.detach())
        torch.testing.assert_close(jacobian(found, parameters), jacobian(expected, parameters))
    assert compiled.n_compiled == 1


def test_of_the_same_learner_nothing_is_described_again(monkeypatch: pytest.MonkeyPatch) -> None:
    as_graph(monkeypatch)
    model, compiled = learner(), Compiled()
    compiled(model, STACK)
    monkeypatch.setattr("polytask.execution.compiled.static_state", None)  # would fail if it was called
    compiled(model, STACK)
    compiled(model, EPISODES)
    assert compiled.n_compiled == 1


class Scaled(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        self.scales, self.functions = {"all": 1.0}, [torch.tanh]

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.functions[0](self[1](self[0](inputs)))
        return self[2](hidden * self.scales["all"])


@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model, "n_steps", 2),
        lambda model: setattr(model.model[1], "setting", 3),
        lambda model: model.model[0].bias.requires_grad_(False),
        lambda model: setattr(model.model[0], "bias", nn.Parameter(torch.zeros(4, dtype=torch.float64))),
        lambda model: model.model.__setitem__(1, nn.Sigmoid()),
        lambda model: model.eval(),
        lambda model: model.model[1].register_forward_hook(lambda _, given, found: 2 * found),
        lambda model: model.model.scales.update(all=2.0),
        lambda model: model.model.functions.__setitem__(0, torch.sigmoid),
    ],
    ids=["option", "attribute", "frozen", "parameter", "module", "mode", "hook", "mapping", "list"],
)
def test_a_learner_that_changes_between_steps_is_seen_to(
    change: Callable[[Any], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_graph(monkeypatch)
    model, compiled = learner(Scaled()), Compiled()
    compiled(model, STACK)
    change(model)
    parameters = [p for p in model.parameters() if p.requires_grad]
    expected = run_loop(model, EPISODES)
    found = compiled(model, STACK)
    torch.testing.assert_close(found.detach(), expected.detach())
    torch.testing.assert_close(jacobian(found, parameters), jacobian(expected, parameters))


def test_without_a_gradient_values_alone_are_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    as_graph(monkeypatch)
    model, compiled = learner(), Compiled()
    with_graph = compiled(model, STACK)
    with torch.no_grad():
        values = compiled(model, STACK)
    assert with_graph.requires_grad
    assert not values.requires_grad
    torch.testing.assert_close(values, with_graph.detach())


def test_stacks_of_other_strides_have_a_program_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    as_graph(monkeypatch)  # compiled code reads memory by the strides that it was made for
    model, compiled = learner(), Compiled()
    turned = replace(STACK, support=STACK.support.map(lambda x: x.mT.contiguous().mT if x.ndim > 2 else x))
    torch.testing.assert_close(compiled(model, STACK), compiled(model, turned))
    assert compiled.n_compiled == 2


def test_what_was_seen_of_a_learner_stays_in_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    as_graph(monkeypatch)
    compiled = Compiled()
    compiled(learner(), STACK)
    again = pickle.loads(pickle.dumps(compiled))  # noqa: S301 - our own
    again(learner(), STACK)
    assert again.n_compiled == 2
