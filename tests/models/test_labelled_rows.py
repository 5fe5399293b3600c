"""Labelled rows teach each target what it has labels of, and each label once."""

import torch

from polytask.core import Task
from polytask.models.labelled_rows import LabelledRows
from polytask.models.target_tasks import TargetTasks

KNOWN = [TargetTasks.unknown(Task(name=name, kind="regression"), None) for name in "yz"]
ROWS = LabelledRows(
    inputs=torch.arange(4.0)[:, None],
    outputs={"y": torch.zeros(4, 1), "z": torch.zeros(4, 1)},
    labels={"y": (torch.arange(4.0), torch.tensor([True, True, False, True]))},
    task=torch.tensor([0, 0, 1, 2]),
)


def test_each_target_counts_the_labels_that_it_has() -> None:
    (y, z), messages = ROWS.taught(KNOWN, n_tasks=3, again=False)
    assert (y.counts.tolist(), z.counts.tolist()) == ([2, 0, 1], [0, 0, 0])
    assert messages == []


def test_a_label_counts_once_more_only_where_that_is_asked_for() -> None:
    before, _ = ROWS.taught(KNOWN, n_tasks=3, again=False)
    (y, _), messages = ROWS.taught(before, n_tasks=4, again=False)
    assert y.counts.tolist() == [2, 0, 1, 0]
    assert len(messages) == 1 and messages[0].startswith("All labels were learned from before")
    (y, _), messages = ROWS.taught(before, n_tasks=4, again=True)
    assert y.counts.tolist() == [4, 0, 2, 0]
    assert messages == []
