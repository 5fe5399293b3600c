"""The common check of a support: every class of the task, and no other."""

import pytest
import torch
from torch import nn
from torch.func import vmap

from polytask.core import Batch, InputError, Task
from polytask.core.learner import TOGETHER
from polytask.meta.initialization import ProtoMAML
from polytask.meta.layers.class_means import check_classes, membership
from polytask.meta.model import ClassCNP

CAT = Task(name="cat", kind="multiclass", n_outputs=3)


def support(*labels: int, known: list[bool] | None = None) -> Batch:
    masks = {} if known is None else {"cat": torch.tensor(known)}
    return Batch(inputs=torch.eye(len(labels), 4), targets={"cat": torch.tensor(labels)}, masks=masks)


def test_a_row_counts_for_its_class_if_it_has_a_label():
    found = membership(CAT, support(2, 0, 1, known=[True, True, False]))
    assert found.tolist() == [[False, False, True], [True, False, False], [False, False, False]]


@pytest.mark.parametrize("labels", [(0, 1, 2, 3), (0, 1, 2, -1)])
def test_a_label_that_is_no_class_is_refused(labels):
    with pytest.raises(
        InputError, match=f"has labels {labels[-1]}, but its 3 classes are the numbers from 0"
    ):
        check_classes("A method", CAT, support(*labels))
    check_classes("A method", CAT, support(*labels, known=[True, True, True, False]))


def test_all_classes_that_are_missing_are_named():
    with pytest.raises(InputError, match="needs an example of every class, but 0, 2 have none"):
        check_classes("A method", CAT, support(1, 1, 2, known=[True, True, False]))


def test_within_a_transform_values_are_not_looked_at():
    def run(labels: torch.Tensor) -> torch.Tensor:
        batch = Batch(inputs=torch.zeros(3, 1), targets={"cat": labels})
        check_classes("A method", CAT, batch)
        return membership(CAT, batch).sum()

    assert vmap(run)(torch.tensor([[0, 0, 0], [0, 1, 7]])).tolist() == [3, 2]


def test_the_head_of_proto_maml_starts_at_the_means_of_the_labelled_rows():
    learner = ProtoMAML(nn.Linear(4, 5), n_steps=0)
    given = support(0, 1, 2, 0, known=[True, True, True, False])
    state = learner.adapt([CAT], given).state[TOGETHER]
    encoder = learner.model.get_submodule("encoder")
    centres = encoder(given.inputs[:3])
    torch.testing.assert_close(state["head_weight"], 2 * centres)
    torch.testing.assert_close(state["head_bias"], -centres.square().sum(1))


@pytest.mark.parametrize(
    "build",
    [lambda: ProtoMAML(nn.Linear(4, 5)), lambda: ClassCNP(nn.Linear(4, 5), n_features=5, n_classes=4)],
)
def test_learners_from_class_means_need_an_example_of_each_class_of_the_task_alone(build):
    learner = build()
    with pytest.raises(InputError, match="needs an example of every class, but 1 have none"):
        learner.adapt([CAT], support(0, 2, 2))
    assert learner.adapt([CAT], support(0, 1, 2))(torch.eye(4))["cat"].shape == (4, 3)
