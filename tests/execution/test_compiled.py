"""Compiled steps: the loop's values and gradients, one program for every kind of step."""

import copy

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, Task, TrainingError, generator, jacobian, seeded
from polytask.core.learner import run_loop
from polytask.execution.compiled import Compiled, static_state
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
        return MAML(net or mlp([2, 4, 1], nn.Tanh), inner_rate=0.1, n_steps=2).double()


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
    with pytest.raises(TrainingError, match="4 episodes at once would take more than the allowed 0 MiB"):
        Compiled(memory_budget=1000)(learner(), EPISODES)


def test_an_attribute_of_any_type_is_part_of_what_is_fixed() -> None:
    part = nn.Linear(2, 1)
    for first, second in (
        (torch.tanh, torch.relu),
        ([torch.zeros(2)], [torch.zeros(2)]),  # equal today, but either may change alone
        ((3, "a"), (4, "a")),
    ):
        part.setting = first
        before = static_state(part)
        assert static_state(part) == before
        part.setting = second
        assert static_state(part) != before
    part.setting = (4, "a")
    assert static_state(part) == static_state(copy.deepcopy(part))
