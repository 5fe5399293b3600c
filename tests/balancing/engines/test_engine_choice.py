"""The engine is chosen without a clock, kept as state, and tried against the gradients on the first step."""

import json
import logging

import pytest
import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward, Balancer, Evidence, Weights
from polytask.balancing.engines import Engine, Fastest, FullJacobian, Layerwise, Streamed
from polytask.balancing.methods import UPGrad
from polytask.balancing.step import engine_check
from polytask.balancing.step.gradients import StepGradients
from polytask.balancing.step.parts import Whole
from polytask.balancing.step.processes import OneProcess, Processes
from polytask.core import (
    Batch,
    Episode,
    InputError,
    SharedModel,
    Task,
    generator,
    jacobian,
    seeded,
    shared_parameters,
)
from polytask.data import Source
from polytask.train import train

TASKS = tuple(Task(name=name, kind="regression") for name in "abc")


class Asking(Balancer):
    """Equal weights, for the sake of the Gramian."""

    def forward(self, evidence: Evidence) -> Weights:
        self.seen = evidence.gramian()
        return Weights(values=torch.ones_like(evidence.losses))


class Wrong(FullJacobian):
    """An engine that is off by a tenth for one objective."""

    def gramian(self, step) -> Tensor:
        products = super().gramian(step)
        products[0, 0] *= 1.1
        return products


def model(n_inputs: int = 40, n_hidden: int = 64) -> SharedModel:
    with seeded(0, "model"):
        trunk = nn.Sequential(nn.Linear(n_inputs, n_hidden), nn.Tanh(), nn.Linear(n_hidden, 8), nn.Tanh())
        return SharedModel(TASKS, HardSharing(trunk), {task.name: nn.Linear(8, 1) for task in TASKS})


def step(n_rows: int = 6, n_inputs: int = 40) -> list[Episode]:
    draw = generator(0, "batch")
    targets = {task.name: torch.randn(n_rows, generator=draw) for task in TASKS}
    inputs = torch.randn(n_rows, n_inputs, generator=draw)
    return [Episode(tasks=TASKS, query=Batch(inputs=inputs, targets=targets))]


def truth(learner: SharedModel, episodes: list[Episode]) -> Tensor:
    rows = jacobian(learner.objectives(episodes).values, shared_parameters(learner))
    return rows @ rows.T


def chosen(learner: SharedModel, episodes: list[Episode], **options) -> Fastest:
    engine = Fastest(**options)
    BalancedBackward(learner, Asking(), engine=engine)(learner.objectives(episodes))
    return engine


def test_auto_compresses_wide_layers_and_nothing_else():
    wide = chosen(model(n_inputs=2000, n_hidden=500), step(4, n_inputs=2000))
    assert wide.choice is not None and wide.choice.chosen == "exact"
    narrow = chosen(model(n_inputs=4, n_hidden=6), step(50, n_inputs=4))
    assert narrow.choice is not None and narrow.choice.chosen == "loop"
    assert "no layer would be cheaper" in narrow.choice.reason


def test_the_choice_stays():
    learner = model(n_inputs=4, n_hidden=6)
    engine = chosen(learner, step(50, n_inputs=4))
    choice = engine.choice
    BalancedBackward(learner, Asking(), engine=engine)(learner.objectives(step(2, n_inputs=4)))
    assert engine.choice is choice


def test_the_state_of_a_balanced_step_is_json_and_makes_the_same_choice_elsewhere():
    learner = model()
    first = BalancedBackward(learner, UPGrad(), engine=Fastest(memory_budget=3000))
    first(learner.objectives(step()))
    state = json.loads(json.dumps(first.state_dict()))
    assert state["checked"] and state["engine"]["chosen"] == "streamed" and state["engine"]["n_blocks"] > 1
    second = BalancedBackward(learner, UPGrad())  # with memory for all
    second.load_state_dict(state)
    second(learner.objectives(step()))
    assert second.state_dict() == first.state_dict()


def test_a_step_that_was_not_made_has_nothing_to_go_on_with():
    learner = model()
    fresh, other = BalancedBackward(learner, UPGrad()), BalancedBackward(learner, UPGrad())
    other.load_state_dict(fresh.state_dict())
    assert other.state_dict() == fresh.state_dict() == {"checked": False, "trusted": True, "engine": {}}


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"checked": True, "trusted": True, "engine": 3},
        {"checked": True, "trusted": True, "engine": {"chosen": "exact"}},
        {"checked": True, "trusted": True, "engine": {"chosen": "quick", "reason": "", "n_blocks": 1}},
    ],
)
def test_a_state_of_something_else_is_refused(state):
    with pytest.raises(InputError, match=r"no state of a balanced step|no choice of an engine|'quick'"):
        BalancedBackward(model(), UPGrad()).load_state_dict(state)


@pytest.mark.parametrize("engine", ["auto", "exact", "loop", "streamed"])
def test_the_first_gramian_is_tried_and_the_log_says_so(engine, caplog):
    learner = model()
    backward = BalancedBackward(learner, Asking(), engine=engine)
    for _ in range(2):
        with caplog.at_level(logging.INFO, logger="polytask.balancing.step.engine_check"):
            backward(learner.objectives(step()))
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "agrees with the gradients" in caplog.text


def test_an_engine_that_is_wrong_gives_way_to_the_loop_with_a_warning(caplog, monkeypatch):
    learner, balancer = model(), Asking()
    monkeypatch.setattr("polytask.balancing.engines.Layerwise", Wrong)
    backward = BalancedBackward(learner, balancer, engine="exact")
    backward(learner.objectives(step()))
    assert "The Gramian of engine Wrong differs" in caplog.text
    assert type(backward.engine) is FullJacobian
    torch.testing.assert_close(balancer.seen, truth(learner, step()))
    again = BalancedBackward(learner, balancer, engine="exact")
    again.load_state_dict(backward.state_dict())
    assert type(again.engine) is FullJacobian


def test_an_engine_given_as_an_object_stays_with_a_warning(caplog):
    learner, engine = model(), Wrong()
    backward = BalancedBackward(learner, Asking(), engine=engine)
    backward(learner.objectives(step()))
    assert "differs from that of the gradients by" in caplog.text
    assert backward.engine is engine


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("factor", [1e-4, 1.0, 1e4])
def test_objectives_of_different_scale_pass_the_trial(precision, factor, caplog):
    learner = model().to(precision)
    (episode,) = step()
    episode.query.targets["b"] = episode.query.targets["b"] * factor
    learner(episode.query.inputs.to(precision))
    backward = BalancedBackward(learner, Asking(), engine=Layerwise())
    backward(learner.objectives([episode.to("cpu", precision)]))
    assert "differs" not in caplog.text


class Own(Engine):
    """Somebody's engine."""

    def __init__(self) -> None:
        self.n_calls = 0

    def gramian(self, step) -> Tensor:
        self.n_calls += 1
        return torch.eye(step.n_objectives)


def test_an_engine_of_ones_own_is_asked_in_every_step():
    learner, engine = model(), Own()
    backward = BalancedBackward(learner, Asking(), engine=engine)
    for _ in range(3):
        assert torch.equal(backward(learner.objectives(step())).gramian, torch.eye(3))
    assert engine.n_calls == 3


class Living(Own):
    """One that notes its life."""

    def __init__(self) -> None:
        super().__init__()
        self.life: list[str] = []

    def open(self, learner) -> None:
        self.life.append(f"open {type(learner).__name__}")

    def gramian(self, step) -> Tensor:
        self.life.append("gramian")
        return super().gramian(step)

    def close(self) -> None:
        self.life.append("close")


class Steps(Source):
    def step(self, index):
        return tuple(step())


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_engine_is_opened_before_the_first_step_and_closed_after_the_last(accumulate):
    engine = Living()
    train(model(), Steps(), n_steps=2, balancer=Asking(), engine=engine, accumulate=accumulate)
    assert engine.life == ["open SharedModel", "gramian", "gramian", "close"]


def test_an_engine_is_closed_where_a_step_fails():
    engine, balancer = Living(), Asking()
    balancer.forward = None  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TypeError):
        train(model(), Steps(), n_steps=2, balancer=balancer, engine=engine)
    assert engine.life == ["open SharedModel", "close"]


def test_streaming_rounds_alone_make_no_warning(caplog):
    learner = model()
    BalancedBackward(learner, Asking(), engine=Streamed(3))(learner.objectives(step()))
    assert "differs" not in caplog.text


class Twice(Processes):
    """Two processes that have found the same."""

    def __init__(self) -> None:
        self.size, self.rank = 2, 0

    def sum(self, tensor: Tensor) -> Tensor:
        return 2 * tensor


def test_the_gradients_of_all_processes_are_added_before_they_are_squared():
    gradients = [torch.tensor([[1.0, 2.0]]), torch.tensor([2.0])]
    assert engine_check._squared_length(gradients, OneProcess()) == 9
    assert engine_check._squared_length(gradients, Twice()) == 36
    assert engine_check._squared_length([], Twice()) == engine_check._squared_length([], OneProcess()) == 0


@pytest.mark.parametrize(
    ("precision", "autocast", "allowed"),
    [(torch.float64, False, 1e-6), (torch.float32, False, 1e-3), (torch.float32, True, 0.2)],
)
def test_what_rounding_may_do_depends_on_the_coarsest_numbers(precision, autocast, allowed):
    learner = model().to(precision)
    (episode,) = step()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        found = learner.objectives([episode.to("cpu", precision)])
    assert engine_check._tolerance(found.values) == allowed
    balancer = Asking()
    backward = BalancedBackward(learner, balancer, engine="exact")
    backward(found)
    assert backward.state_dict()["trusted"]


@pytest.mark.parametrize("factor", [0.999, 1.001])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 2), (2, 2)])
def test_a_thousandth_in_one_entry_is_noticed_in_double_precision(row, column, factor):
    learner = model().double()
    (episode,) = step()
    found = learner.objectives([episode.to("cpu", torch.float64)])
    products = truth(learner, [episode.to("cpu", torch.float64)])
    looked = StepGradients(Whole(found, OneProcess()), shared_parameters(learner))
    assert engine_check.agrees(products, looked, name="right")
    products[row, column] = products[column, row] = products[row, column] * factor
    assert not engine_check.agrees(products, looked, name="wrong")


def test_a_gramian_of_nothing_is_right_where_there_is_nothing_to_train():
    learner = model().double()
    learner.sharing.requires_grad_(False)
    (episode,) = step()
    found = learner.objectives([episode.to("cpu", torch.float64)])
    looked = StepGradients(Whole(found, OneProcess()), [])
    assert engine_check.agrees(torch.zeros(3, 3), looked, name="right")
    assert not engine_check.agrees(torch.eye(3), looked, name="wrong")
