"""The catalogue of few-shot classifiers: what is said of a method is true of it."""

import pytest

from polytask.core import InputError
from polytask.meta import ImageTask, learner_by_name, learner_names
from polytask.meta.catalogue import learner_entries

SIZE = {"n_way": 3, "size": 16, "width": 4}


class Recording(ImageTask):
    """Notes which settings of the inner loop a method asks for."""

    asked: set[str]

    def rate(self, otherwise: float) -> float:
        self.asked.add("inner_rate")
        return super().rate(otherwise)

    def steps(self, otherwise: int) -> int:
        self.asked.add("inner_steps")
        return super().steps(otherwise)


@pytest.mark.parametrize("name", learner_names())
def test_the_inner_settings_that_are_said_to_be_used_are_those_that_are(name):
    task = Recording(**SIZE)
    object.__setattr__(task, "asked", set())
    learner_by_name(name, task)
    assert task.asked == set(learner_entries()[name].inner)


def test_an_unknown_learner_is_answered_with_near_names():
    with pytest.raises(
        InputError, match=r"No learner is called 'protonets'; did you mean 'prototypes'.* lists all"
    ):
        learner_by_name("protonets", ImageTask(**SIZE))
