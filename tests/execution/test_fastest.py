"""The execution that measures: what it keeps, what it refuses, and what it tells."""

import logging
import time
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, EpisodicLearner, InputError, Task, generator, run_loop, seeded
from polytask.execution import Fastest, run_vmap
from polytask.meta import MAML, GradientLearner, Prototypes, mlp

NUMBER = Task(name="y", kind="regression")


def episode(index: int) -> Episode:
    x = torch.randn(5, 2, generator=generator(0, index))
    batch = Batch(inputs=x, targets={"y": x.prod(1)})
    return Episode(tasks=(NUMBER,), support=batch, query=batch)


EPISODES = [episode(index) for index in range(3)]


def slow(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    time.sleep(0.05)
    return run_loop(learner, episodes)


def wrong(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    return 1.01 * run_loop(learner, episodes)


def broken(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    raise RuntimeError("no batching rule\nand a long explanation")


def learner(net: nn.Module | None = None, execution: object = "auto") -> GradientLearner:
    with seeded(0):
        return MAML(net or mlp([2, 4, 1]), execution=execution)  # pyright: ignore[reportArgumentType]


def test_the_faster_of_two_is_kept_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    fastest = Fastest({"slow": slow, "loop": run_loop})
    with caplog.at_level(logging.INFO, logger="polytask.meta"):
        learner(execution=fastest).objectives(EPISODES)
    assert fastest.choice == "loop"
    assert "Execution 'loop' is used: slow " in caplog.text


def test_a_wrong_gradient_is_refused_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    fastest = Fastest({"slow": slow, "wrong": wrong})
    learner(execution=fastest).objectives(EPISODES)
    assert fastest.choice == "slow"
    assert "Execution 'wrong' is not used: its gradient is off by 1.0e-02 from 'slow'." in caplog.text


def test_in_mixed_precision_rounding_is_not_taken_for_a_wrong_gradient(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def wrong(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
        return 1.5 * run_loop(learner, episodes)

    fastest = Fastest({"slow": slow, "wrong": wrong, "vmap": run_vmap})
    with torch.autocast("cpu", dtype=torch.bfloat16):
        learner(mlp([2, 64, 64, 1], nn.Tanh), execution=fastest).objectives(EPISODES)
    assert fastest.choice == "vmap"
    assert "Execution 'wrong' is not used" in caplog.text
    assert "Execution 'vmap' is not used" not in caplog.text


def test_an_execution_that_fails_is_refused_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    fastest = Fastest({"loop": run_loop, "broken": broken})
    learner(execution=fastest).objectives(EPISODES)
    assert fastest.choice == "loop"
    assert "'broken' is not used, as it failed: RuntimeError: no batching rule" in caplog.text
    assert "explanation" not in caplog.text


def test_a_recurrent_network_falls_back_to_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.memory, self.head = nn.LSTM(1, 3, batch_first=True), nn.Linear(3, 1)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.head(self.memory(inputs.unsqueeze(-1))[0][:, -1])

    model = learner(Recurrent())
    values = model.objectives(EPISODES).values
    assert isinstance(model.execution, Fastest)
    assert model.execution.choice == "each"
    assert "Execution 'vmap' is not used, as it failed" in caplog.text
    values.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_dropout_is_not_taken_for_a_wrong_gradient(caplog: pytest.LogCaptureFixture) -> None:
    model = learner(nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 1)))
    model.objectives(EPISODES)
    assert "is not used" not in caplog.text


def test_measuring_draws_nothing_from_the_global_generator() -> None:
    with seeded(0):
        model = MAML(nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 1)))
        fastest = Fastest({"loop": run_loop})
        model.execution = fastest
        torch.manual_seed(0)
        measured = model.objectives(EPISODES).values
        torch.manual_seed(0)
        plain = run_loop(model, EPISODES)
    assert torch.equal(measured, plain)


def test_measuring_leaves_running_statistics_to_the_step_itself() -> None:
    task = Task(name="class", kind="multiclass", n_outputs=2)
    x = torch.randn(4, 2, generator=generator(0))
    batch = Batch(inputs=x, targets={"class": torch.tensor([0, 1, 0, 1])})
    model = Prototypes(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
    model.execution = Fastest({"loop": run_loop})
    model.objectives([Episode(tasks=(task,), support=batch, query=batch)] * 2)
    assert model.encoder[1].num_batches_tracked == 4  # pyright: ignore[reportIndexIssue]


def test_nothing_is_chosen_before_a_step_with_gradients() -> None:
    fastest = Fastest({"loop": run_loop, "slow": slow})
    model = learner(execution=fastest)
    with torch.no_grad():
        model.objectives(EPISODES)
    model.objectives(EPISODES[:1])
    assert fastest.choice is None
    model.objectives(EPISODES)
    assert fastest.choice == "loop"


def test_a_choice_is_state_and_what_was_prepared_for_it_is_prepared_again() -> None:
    first = Fastest({"slow": slow}, within={"loop": lambda _: run_loop}, memory=7)
    learner(execution=first).objectives(EPISODES)
    assert first.state_dict() == {"choice": "loop", "memory": 7}
    second = Fastest({"slow": slow}, within={"loop": lambda memory: {7: run_loop}[memory]})
    second.load_state_dict(first.state_dict())
    assert second.choice == "loop" and second.memory == 7
    assert torch.equal(second(learner(), EPISODES), run_loop(learner(), EPISODES))


def test_what_was_chosen_late_is_not_tried_again() -> None:
    fastest = Fastest({"slow": slow}, later={"loop": lambda _: run_loop})
    fastest.load_state_dict({"choice": "loop", "memory": None})
    assert fastest.choice == "loop" and fastest.later == {}


def test_no_choice_is_no_state_and_an_unknown_one_is_named() -> None:
    fastest = Fastest({"loop": run_loop})
    assert fastest.state_dict() == {}
    fastest.load_state_dict({})
    assert fastest.choice is None
    with pytest.raises(InputError, match="no execution 'vmap' to go on with; there are loop"):
        fastest.load_state_dict({"choice": "vmap", "memory": None})
