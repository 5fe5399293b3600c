"""Curricula over sources: what they ask, what they keep, what they refuse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.steps.counting import counting, losses_at, number, trained

from polytask.core import InputError, TrainingError
from polytask.data import Curriculum, Source
from polytask.data.steps.loss_curriculum import LossCurriculum
from polytask.data.steps.progress_curriculum import ProgressCurriculum

BOTH = pytest.mark.parametrize("method", [LossCurriculum, ProgressCurriculum])


@BOTH
def test_a_curriculum_is_no_source(method):
    assert isinstance(method(counting()), Curriculum)
    assert not isinstance(method(counting()), Source)


@BOTH
def test_a_step_is_the_same_until_it_is_told_of(method):
    curriculum = trained(method(counting(), per_step=2), 7)
    first, again = ([(e.tasks, number(e)) for e in curriculum.next(7)] for _ in range(2))
    assert first == again and len(first) == 2


@BOTH
def test_every_source_goes_through_its_own_steps_without_a_gap(method):
    curriculum = method(counting(), per_step=2)
    found: dict[str, list[int]] = {name: [] for name in "abc"}
    for step in range(60):
        for episode in curriculum.next(step):
            found[episode.tasks[0].name].append(number(episode))
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


def test_a_step_without_update_moves_on_and_teaches_nothing():
    curriculum = trained(LossCurriculum(counting()), 20)
    before, drawn = dict(curriculum.statistics), curriculum.drawn()
    curriculum.told(20, {})
    assert curriculum.statistics == before and curriculum.next(21)
    assert sum(curriculum.state_dict()["turns"]) == 21 and drawn


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
        (lambda: LossCurriculum({"x": LossCurriculum(counting())}), "x follows from losses"),  # type: ignore[dict-item]
        (lambda: LossCurriculum({}), "`sources` is empty; give at least one source.$"),
    ],
)
def test_a_wrong_argument_is_named(build, message):
    with pytest.raises(InputError, match=message):
        build()
