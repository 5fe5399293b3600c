"""Labels of classes: what counts, and messages."""

import pytest
import torch

from polytask.core import Batch, InputError, Task
from polytask.meta.model.class_labels import class_labels, class_outputs

KIND = Task(name="kind", kind="multiclass", n_outputs=3)


def test_a_missing_label_is_a_row_of_zeros_whatever_stands_there() -> None:
    support = Batch(
        inputs=torch.zeros(3, 1),
        targets={"kind": torch.tensor([2.0, float("nan"), 0.0])},
        masks={"kind": torch.tensor([True, False, True])},
    )
    rows, known = class_labels("SNAIL", KIND, support, 4)
    assert rows.tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert known.tolist() == [True, False, True]


def test_a_binary_answer_is_the_log_odds_of_two_classes() -> None:
    logits = torch.tensor([[0.3, -1.2, 5.0]])
    sick = Task(name="sick", kind="binary")
    expected = logits[:, :2].softmax(-1)[:, 1]
    torch.testing.assert_close(sick.probabilities(class_outputs(sick, logits)), expected)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Task(name="kind", kind="regression"), "MANN answers multiclass and binary .* 'kind' is regression"),
        (Task(name="kind", kind="multiclass", n_outputs=9), "'kind' has 9 classes, but MANN was built for 3"),
        (Task(name="new", kind="binary"), "`support` has no target of task 'new'"),
    ],
)
def test_a_task_that_does_not_fit_is_refused(task: Task, message: str) -> None:
    support = Batch(inputs=torch.zeros(2, 1), targets={"kind": torch.zeros(2)})
    with pytest.raises(InputError, match=message):
        class_labels("MANN", task, support, 3)
