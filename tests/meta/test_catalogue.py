"""The catalogue of few-shot classifiers: what is said of a method is true of it."""

import pytest
import torch

from polytask.core import Batch, InputError, Task
from polytask.meta import ImageTask, learner_by_name, learner_entries

SIZE = {"n_way": 3, "size": 16, "width": 4}
TASK = Task(name="class", kind="multiclass", n_outputs=3)


class Recording(ImageTask):
    """Notes which settings of the inner loop a method asks for."""

    asked: set[str]

    def rate(self, otherwise: float) -> float:
        self.asked.add("inner_rate")
        return super().rate(otherwise)

    def steps(self, otherwise: int) -> int:
        self.asked.add("inner_steps")
        return super().steps(otherwise)


@pytest.mark.parametrize("name", learner_entries())
def test_the_inner_settings_that_are_said_to_be_used_are_those_that_are(name):
    task = Recording(**SIZE)
    object.__setattr__(task, "asked", set())
    learner_by_name(name, task)
    assert task.asked == set(learner_entries()[name].inner)


@pytest.mark.parametrize("name", learner_entries())
def test_no_learner_takes_a_support_without_a_class(name):
    torch.manual_seed(0)
    learner = learner_by_name(name, ImageTask(**SIZE))
    support = Batch(inputs=torch.rand(4, 1, 16, 16), targets={"class": torch.tensor([0, 0, 2, 2])})
    with pytest.raises(InputError, match="needs an example of every class, but 1 have none"):
        learner.adapt([TASK], support)
    masks = {"class": torch.tensor([True, True, True, False])}
    hidden = Batch(inputs=support.inputs, targets={"class": torch.tensor([0, 1, 0, 2])}, masks=masks)
    with pytest.raises(InputError, match="but 2 have none"):
        learner.adapt([TASK], hidden)


def test_an_unknown_learner_is_answered_with_near_names():
    with pytest.raises(InputError, match=r"no learner 'protonets'; did you mean 'prototypes'.* lists all"):
        learner_by_name("protonets", ImageTask(**SIZE))
