"""The execution that measures: what it keeps, what it refuses, and what it tells."""

import logging
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, EpisodicLearner, InputError, Task, generator, seeded
from polytask.core.learner import run_loop
from polytask.execution import named_execution, run_vmap
from polytask.execution.auto import Auto
from polytask.execution.chunked import Chunked
from polytask.execution.memory_use import peak_bytes
from polytask.meta import GradientLearner, mlp
from polytask.meta.initialization import MAML
from polytask.meta.metric import Prototypes

NUMBER = Task(name="y", kind="regression")


def episode(index: int, n_rows: int = 5) -> Episode:
    x = torch.randn(n_rows, 2, generator=generator(0, index))
    batch = Batch(inputs=x, targets={"y": x.prod(1)})
    return Episode(tasks=(NUMBER,), support=batch, query=batch)


EPISODES = [episode(index) for index in range(3)]


class Clock:
    """A clock that moves when it is read, and when somebody is slow."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


CLOCK = Clock()


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no choice hang on how busy the machine is."""
    monkeypatch.setattr("polytask.execution.auto.time.perf_counter", CLOCK)


def slow(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    CLOCK.now += 1.0
    return run_loop(learner, episodes)


def wrong(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    return 1.01 * run_loop(learner, episodes)


def right_in_double(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    """Stands for one whose rounding is blown up, as by Adam where a gradient is 0."""
    values = run_loop(learner, episodes)
    return 1.01 * values if values.dtype == torch.float32 else values


def broken(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    raise RuntimeError("no batching rule\nand a long explanation")


def within(memory: int) -> Chunked:
    return Chunked(memory_budget=memory)


def learner(net: nn.Module | None = None) -> GradientLearner:
    with seeded(0):
        return MAML(net or mlp([2, 4, 1]))


def test_the_faster_of_two_is_kept_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    auto = Auto({"slow": slow, "loop": run_loop})
    with caplog.at_level(logging.INFO, logger="polytask.execution"):
        learner().objectives(EPISODES, execution=auto)
    assert auto.choice == "loop"
    assert "Execution 'loop' is used: slow " in caplog.text


def test_a_wrong_gradient_is_refused_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    auto = Auto({"slow": slow, "wrong": wrong})
    learner().objectives(EPISODES, execution=auto)
    assert auto.choice == "slow"
    assert "Execution 'wrong' is not used: its gradient is off by 1.0e-02 from 'slow'." in caplog.text


def test_in_mixed_precision_rounding_is_not_taken_for_a_wrong_gradient(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def wrong(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
        return 1.5 * run_loop(learner, episodes)

    auto = Auto({"slow": slow, "wrong": wrong, "vmap": run_vmap})
    with torch.autocast("cpu", dtype=torch.bfloat16):
        learner(mlp([2, 64, 64, 1], nn.Tanh)).objectives(EPISODES, execution=auto)
    assert auto.choice == "vmap"
    assert "Execution 'wrong' is not used" in caplog.text
    assert "Execution 'vmap' is not used" not in caplog.text


def test_an_execution_that_fails_is_refused_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    auto = Auto({"loop": run_loop, "broken": broken})
    learner().objectives(EPISODES, execution=auto)
    assert auto.choice == "loop"
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
    auto = named_execution("auto", model)
    values = model.objectives(EPISODES, execution=auto).values
    assert isinstance(auto, Auto)
    assert auto.choice == "loop"
    assert "Execution 'vmap' is not used, as it failed" in caplog.text
    values.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_dropout_is_not_taken_for_a_wrong_gradient(caplog: pytest.LogCaptureFixture) -> None:
    model = learner(nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 1)))
    model.objectives(EPISODES, execution=named_execution("auto", model))
    assert "is not used" not in caplog.text


def test_measuring_draws_nothing_from_the_global_generator() -> None:
    with seeded(0):
        model = MAML(nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 1)))
        auto = Auto({"loop": run_loop})
        torch.manual_seed(0)
        measured = model.objectives(EPISODES, execution=auto).values
        torch.manual_seed(0)
        plain = run_loop(model, EPISODES)
    assert torch.equal(measured, plain)


def test_measuring_leaves_running_statistics_to_the_step_itself() -> None:
    task = Task(name="class", kind="multiclass", n_outputs=2)
    x = torch.randn(4, 2, generator=generator(0))
    batch = Batch(inputs=x, targets={"class": torch.tensor([0, 1, 0, 1])})
    model = Prototypes(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
    given = [Episode(tasks=(task,), support=batch, query=batch)] * 2
    model.objectives(given, execution=Auto({"loop": run_loop}))
    assert model.encoder[1].num_batches_tracked == 4  # pyright: ignore[reportIndexIssue]


def test_nothing_is_chosen_before_a_step_with_gradients() -> None:
    auto = Auto({"loop": run_loop, "slow": slow})
    model = learner()
    with torch.no_grad():
        model.objectives(EPISODES, execution=auto)
    model.objectives(EPISODES[:1], execution=auto)
    assert auto.choice is None
    model.objectives(EPISODES, execution=auto)
    assert auto.choice == "loop"


def test_a_choice_is_state_and_what_was_prepared_for_it_is_prepared_again() -> None:
    first = Auto({"slow": slow}, within={"loop": lambda _: run_loop}, memory_budget=7)
    learner().objectives(EPISODES, execution=first)
    assert first.state_dict() == {"choice": "loop", "budget": 7}
    second = Auto({"slow": slow}, within={"loop": lambda memory: {7: run_loop}[memory]})
    second.load_state_dict(first.state_dict())
    assert second.choice == "loop" and second.budget == 7
    assert torch.equal(second(learner(), EPISODES), run_loop(learner(), EPISODES))


def test_what_was_chosen_late_is_not_tried_again() -> None:
    auto = Auto({"slow": slow}, later={"loop": lambda memory: {7: run_loop}.pop(memory)}, patience=0.0)
    auto.load_state_dict({"choice": "loop", "budget": 7})
    for _ in range(2):
        auto(learner(), EPISODES)
    assert auto.choice == "loop" and auto.spent == 0.0


def test_no_choice_is_no_state_and_an_unknown_one_is_named() -> None:
    auto = Auto({"loop": run_loop})
    assert auto.state_dict() == {}
    auto.load_state_dict({})
    assert auto.choice is None
    with pytest.raises(InputError, match="no execution 'vmap' to go on with; there are loop"):
        auto.load_state_dict({"choice": "vmap", "budget": None})


def test_auto_takes_no_more_than_its_budget_while_it_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polytask.execution.auto._LEAST", 1)
    model = learner(mlp([2, 64, 64, 1], nn.Tanh))
    episodes = [episode(index, n_rows=100) for index in range(10)]
    parameters = list(model.parameters())

    def peak(execution: object) -> int:
        return peak_bytes(lambda: torch.autograd.grad(execution(model, episodes).sum(), parameters))  # pyright: ignore[reportCallIssue]

    reference = peak(Chunked(1))
    auto = Auto({"loop": Chunked(1)}, within={"vmap": within})
    assert peak(run_vmap) > 3 * reference
    assert peak(auto) < 2.2 * reference  # beside the trial lies a copy of the learner
    assert set(auto.usable) == {"loop", "vmap"}


def test_auto_prepares_no_programs_where_every_step_is_of_another_kind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    auto = Auto({"loop": Chunked(1)}, later={"vmap": within}, patience=1e9)
    model = learner()
    with caplog.at_level(logging.INFO, logger="polytask.execution"):
        for n_rows in range(5, 12):
            auto(model, [episode(index, n_rows=n_rows) for index in range(3)])
        auto.patience = 0.0
        auto(model, EPISODES)
    assert set(auto.usable) == {"loop"}
    assert "Steps are of 5 kinds or more: vmap not tried." in caplog.text


def test_auto_tries_to_compile_when_the_steps_have_taken_long(caplog: pytest.LogCaptureFixture) -> None:
    auto = Auto({"loop": Chunked(1)}, later={"vmap": within}, patience=0.0)
    model = learner()
    with caplog.at_level(logging.INFO, logger="polytask.execution"):
        auto(model, EPISODES)
        assert set(auto.usable) == {"loop"}
        auto(model, EPISODES)
    assert set(auto.usable) == {"loop", "vmap"}
    assert caplog.text.count("is used: ") == 2


def test_auto_has_a_budget_of_twice_the_reference_unless_told() -> None:
    auto = Auto({"loop": Chunked(1)}, within={"vmap": within})
    auto(learner(), EPISODES)
    assert auto.budget == 256 * 2**20
    assert auto.usable["vmap"].memory_budget == 256 * 2**20  # pyright: ignore[reportFunctionMemberAccess]


def test_what_differs_by_rounding_alone_is_not_refused(caplog: pytest.LogCaptureFixture) -> None:
    auto = Auto({"slow": slow, "right in double": right_in_double, "wrong": wrong})
    with caplog.at_level(logging.WARNING, logger="polytask.execution"):
        learner().objectives(EPISODES, execution=auto)
    assert auto.choice == "right in double"
    assert "'wrong' is not used: its gradient is off" in caplog.text
    assert "'right in double'" not in caplog.text.replace("from 'slow'", "")


def test_the_usual_budget_is_a_part_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polytask.execution.auto.free_bytes", lambda _: 2**30)
    auto = Auto({"loop": run_loop}, within={"vmap": within})
    learner().objectives(EPISODES, execution=auto)
    assert auto.budget == 2**30 // 32
