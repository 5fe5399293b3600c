"""Curricula: what they prefer, what they remember, what they refuse."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import Batch, Episode, InputError, Task, TrainingError
from polytask.data import Curriculum, Source
from polytask.data.steps.loss_curriculum import LossCurriculum
from polytask.data.steps.progress_curriculum import ProgressCurriculum
from polytask.data.steps.source_curriculum import SourceCurriculum

BOTH = pytest.mark.parametrize("method", [LossCurriculum, ProgressCurriculum])


class Counting(Source):
    """The input of a step is its index."""

    def __init__(self, *names: str) -> None:
        self.tasks = tuple(Task(name=name, kind="regression") for name in names)

    def step(self, index):
        targets = {task.name: torch.zeros(2) for task in self.tasks}
        batch = Batch(inputs=torch.full((2, 1), float(index)), targets=targets)
        return (Episode(tasks=self.tasks, query=batch),)


def position(episode: Episode) -> int:
    assert isinstance(episode.query.inputs, torch.Tensor)
    return int(episode.query.inputs[0, 0])


def counting(names="abc") -> dict[str, Source]:
    return {name: Counting(name) for name in names}


def losses_at(curriculum: SourceCurriculum, step: int) -> dict[str, float]:
    """Return made-up losses of the sources that the next step asks: a falls, b stays, c is noisy."""
    numbers = np.random.default_rng(step)
    made = {"a": 2.0 * 0.99**step, "b": 1.0, "c": 1.0 + 0.3 * numbers.random()}
    return {name: made[name] for name in curriculum.drawn()}


def trained(curriculum: SourceCurriculum, n_steps: int, first: int = 0) -> SourceCurriculum:
    for step in range(first, first + n_steps):
        curriculum.told(step, losses_at(curriculum, step))
    return curriculum


@BOTH
def test_a_curriculum_is_no_source(method):
    assert isinstance(method(counting()), Curriculum)
    assert not isinstance(method(counting()), Source)


@BOTH
def test_a_step_is_the_same_until_it_is_told_of(method):
    curriculum = trained(method(counting(), per_step=2), 7)
    first, again = ([(e.tasks, position(e)) for e in curriculum.next(7)] for _ in range(2))
    assert first == again and len(first) == 2


@BOTH
def test_every_source_goes_through_its_own_steps_without_a_gap(method):
    curriculum = method(counting(), per_step=2)
    found: dict[str, list[int]] = {name: [] for name in "abc"}
    for step in range(60):
        for episode in curriculum.next(step):
            found[episode.tasks[0].name].append(position(episode))
        curriculum.told(step, losses_at(curriculum, step))
    assert all(steps == list(range(len(steps))) and steps for steps in found.values())


@BOTH
def test_a_restored_curriculum_goes_on_to_the_bit(method):
    whole = trained(method(counting(), seed=4), 50)
    state = whole.state_dict()
    fresh = method(counting(), seed=4)
    fresh.load_state_dict(state)
    trained(whole, 50, first=50)
    assert state["next"] == 50  # what was saved does not go on with it
    trained(fresh, 50, first=50)
    assert repr(fresh.state_dict()) == repr(whole.state_dict())


def test_shares_are_the_softmax_of_relative_losses():
    curriculum = LossCurriculum(counting(), per_step=3, temperature=0.3, smoothing=0.5, exploration=0.1)
    curriculum.told(0, {"a": 2.0, "b": 4.0, "c": 0.5})
    curriculum.told(1, {"a": 1.0, "b": 4.0, "c": 1.0})
    relative = np.array([(1 + 0.5) / 2, 1.0, (1 + 2.0) / 2])
    expected = np.exp(relative / 0.3) / np.exp(relative / 0.3).sum()
    np.testing.assert_allclose(curriculum.preferences(), expected)
    one = LossCurriculum(counting(), temperature=0.3, smoothing=0.5, exploration=0.1)
    one.statistics = curriculum.statistics
    np.testing.assert_allclose(list(one.inclusion.values()), 0.9 * expected + 0.1 / 3)


def test_the_loss_of_a_group_is_the_mean_of_relative_losses():
    curriculum = LossCurriculum({"pair": Counting("a", "b"), "c": Counting("c")}, per_step=2, smoothing=0.0)
    curriculum.told(0, {"a": 2.0, "b": 10.0, "c": 1.0})
    curriculum.told(1, {"a": 1.0, "b": 10.0, "c": 0.25})
    assert curriculum.statistics["relative loss"] == pytest.approx([0.75, 0.25])


def test_a_step_without_update_moves_on_and_teaches_nothing():
    curriculum = trained(LossCurriculum(counting()), 20)
    before, drawn = dict(curriculum.statistics), curriculum.drawn()
    curriculum.told(20, {})
    assert curriculum.statistics == before and curriculum.next(21)
    assert sum(curriculum.state_dict()["turns"]) == 21 and drawn


def exp3s(rewards: list[tuple[int, float]], n: int, eta: float, beta: float, epsilon: float) -> np.ndarray:
    """Follow Exp3.S as the paper writes it, for one source a step; rewards are scaled already."""
    w = np.zeros(n)
    for t, (asked, reward) in enumerate(rewards, start=2):
        pi = (1 - epsilon) * np.exp(w) / np.exp(w).sum() + epsilon / n
        estimate = [(reward * (i == asked) + beta) / pi[i] for i in range(n)]
        e = [np.exp(w[i] + eta * estimate[i]) for i in range(n)]
        w = np.log(
            [(1 - 1 / t) * e[i] + sum(e[j] for j in range(n) if j != i) / t / (n - 1) for i in range(n)]
        )
    return np.exp(w) / np.exp(w).sum()


def test_shares_are_those_of_exp3s():
    curriculum = ProgressCurriculum(counting(), rate=0.2, bonus=0.1, exploration=0.1, seed=1)
    first, last, history, rewards = {}, {}, [], []
    for step in range(80):
        (name,) = curriculum.drawn()
        loss = losses_at(curriculum, step)[name]
        relative = loss / first.setdefault(name, loss)
        if name in last:
            history.append(last[name] - relative)
            low, high = np.quantile(history, 0.2), np.quantile(history, 0.8)
            scaled = 2 * (history[-1] - low) / (high - low) - 1 if high > low else 0.0
            rewards.append(("abc".index(name), float(np.clip(scaled, -1, 1))))
        last[name] = relative
        curriculum.told(step, {name: loss})
    expected = exp3s(rewards, 3, eta=0.2, beta=0.1, epsilon=0.1)
    assert len(rewards) > 70 and expected.std() > 0.01
    np.testing.assert_allclose(curriculum.preferences(), expected, rtol=1e-9)


def test_progress_is_sought_and_a_loss_that_stays_is_asked_less():
    curriculum = ProgressCurriculum(counting("ab"), rate=0.05)
    for step in range(300):
        curriculum.told(step, losses_at(curriculum, step))
    falling, constant = curriculum.state_dict()["turns"]
    assert falling > 2 * constant


def test_losses_that_stay_are_asked_more_by_the_loss_curriculum():
    falling, constant = trained(LossCurriculum(counting("ab")), 300).state_dict()["turns"]
    assert constant > 1.5 * falling


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(1e-6, 1e12), min_size=3, max_size=30), st.booleans())
def test_probabilities_stay_above_exploration_whatever_the_losses(values, progress):
    method = ProgressCurriculum if progress else LossCurriculum
    curriculum = method(counting(), per_step=2, exploration=0.1)
    for step, value in enumerate(values):
        curriculum.told(step, {name: value for name in curriculum.drawn()})  # noqa: C420
        chances = curriculum.chances()
        assert np.isfinite(chances).all() and chances.sum() == pytest.approx(2)
        assert (chances >= 0.1 / 3).all()


def test_numbered_objectives_of_one_task_are_averaged():
    curriculum = LossCurriculum(counting("ab"), per_step=2, smoothing=0.0)
    curriculum.told(0, {"a": 2.0, "b": 1.0})
    curriculum.told(1, {"a#0": 1.0, "a#1@1": 3.0, "b@0": 0.5})
    assert curriculum.statistics["relative loss"] == pytest.approx([1.0, 0.5])


def test_the_reservoir_is_bounded():
    curriculum = ProgressCurriculum(counting("a"))
    for step in range(1200):
        curriculum.told(step, {"a": 1.0 + step % 7})
    assert len(curriculum.statistics["progress"]) == 1000


def test_another_step_than_the_next_is_refused():
    with pytest.raises(InputError, match=r"stands before step 5 and knows no step 0\. Start a run"):
        trained(LossCurriculum(counting()), 5).next(0)


def test_a_loss_of_no_task_is_refused():
    with pytest.raises(InputError, match="knows no task 'x'; its sources ask a, b, c"):
        LossCurriculum(counting()).told(0, {"x": 1.0})


@pytest.mark.parametrize("loss", [0.0, -1.0, float("nan")])
def test_a_first_loss_that_nothing_can_be_relative_to_is_refused(loss):
    with pytest.raises(TrainingError, match=r"first loss of a is .*needs one above 0"):
        LossCurriculum(counting()).told(0, {"a": loss})


def test_the_state_of_another_curriculum_is_refused():
    state = ProgressCurriculum(counting()).state_dict()
    with pytest.raises(InputError, match="state is of ProgressCurriculum over a, b, c, but this is LossCurr"):
        LossCurriculum(counting()).load_state_dict(state)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: LossCurriculum(counting(), per_step=4),
            "`per_step` must be a whole number between 1 and the 3 sources",
        ),
        (lambda: LossCurriculum(counting(), exploration=1.5), r"`exploration` must be in \[0, 1\]"),
        (lambda: LossCurriculum(counting(), temperature=0.0), "`temperature` above 0"),
        (lambda: LossCurriculum(counting(), smoothing=1.0), r"`smoothing` in \[0, 1\), got 0.5 and 1.0"),
        (lambda: ProgressCurriculum(counting(), rate=0.0), "`rate` above 0"),
        (lambda: ProgressCurriculum(counting(), bonus=-1.0), "`bonus` of 0 or more"),
        (lambda: LossCurriculum({"x": LossCurriculum(counting())}), "x follows from losses"),  # type: ignore[dict-item]
        (lambda: LossCurriculum({}), "`sources` is empty; give at least one source.$"),
    ],
)
def test_a_wrong_argument_is_named(build, message):
    with pytest.raises(InputError, match=message):
        build()
