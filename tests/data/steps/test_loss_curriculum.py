"""What has been learned least is asked most."""

import numpy as np
import pytest
from tests.data.steps.counting import Counting, counting, trained

from polytask.core import InputError
from polytask.data.steps.loss_curriculum import LossCurriculum


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


def test_losses_that_stay_are_asked_more_by_the_loss_curriculum():
    falling, constant = trained(LossCurriculum(counting("ab")), 300).state_dict()["turns"]
    assert constant > 1.5 * falling


def test_numbered_objectives_of_one_task_are_averaged():
    curriculum = LossCurriculum(counting("ab"), per_step=2, smoothing=0.0)
    curriculum.told(0, {"a": 2.0, "b": 1.0})
    curriculum.told(1, {"a#0": 1.0, "a#1@1": 3.0, "b@0": 0.5})
    assert curriculum.statistics["relative loss"] == pytest.approx([1.0, 0.5])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0.0}, "`temperature` above 0"),
        ({"smoothing": 1.0}, r"`smoothing` in \[0, 1\), got 0.5 and 1.0"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        LossCurriculum(counting(), **arguments)
