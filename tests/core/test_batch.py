"""Batches and episodes hold what they say."""

import pytest
import torch

from polytask.core import Batch, Episode, InputError, Task
from polytask.core.batch import batch_size, stack_batches

TASK = Task(name="y", kind="regression")


def batch() -> Batch:
    inputs = {"image": torch.arange(12.0).view(4, 3), "more": {"age": torch.arange(4)}}
    return Batch(
        inputs=inputs, targets={"y": torch.arange(4.0)}, masks={"y": torch.tensor([True, True, False, True])}
    )


def test_rows_select_in_nested_inputs_targets_and_masks():
    part = batch().rows(torch.tensor([2, 0]))
    assert part.inputs["more"]["age"].tolist() == [2, 0]
    assert part.targets["y"].tolist() == [2, 0] and part.masks["y"].tolist() == [False, True]


def test_labels_are_counted_by_row():
    assert len(batch()) == 4 and batch().n_labels("y") == 3 and batch().n_labels("z") == 0
    wide = Batch(
        inputs=torch.zeros(2, 1), targets={"t": torch.zeros(2, 3)}, masks={"t": torch.zeros(2, 3, dtype=bool)}
    )
    wide.masks["t"][1, 2] = True
    assert wide.n_labels("t") == 1


def test_moving_changes_floating_types_alone():
    moved = batch().to("cpu", torch.float64)
    assert moved.inputs["image"].dtype == torch.float64 and moved.inputs["more"]["age"].dtype == torch.int64


def test_stacking_adds_a_dimension():
    stacked = stack_batches([batch(), batch()])
    assert stacked.inputs["image"].shape == (2, 4, 3) and stacked.masks["y"].shape == (2, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"inputs": torch.zeros(3, 1), "targets": {"y": torch.zeros(2)}},
            r"target of 'y' has shape \(2,\), not 3",
        ),
        ({"inputs": torch.zeros(3, 1), "masks": {"y": torch.ones(3, dtype=bool)}}, "belongs to no target"),
        (
            {"inputs": torch.zeros(3, 1), "targets": {"y": torch.zeros(3)}, "masks": {"y": torch.ones(3)}},
            "float32, not bool",
        ),
        ({"inputs": {"a": torch.zeros(3, 1), "b": torch.zeros(2, 1)}}, r"found \[2, 3\]"),
        ({"inputs": torch.tensor(1.0)}, "scalar"),
        ({"inputs": {}}, "found none"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Batch(**arguments)


def test_an_episode_needs_tasks_with_different_names_for_its_targets():
    with pytest.raises(InputError, match="at least one task"):
        Episode(tasks=(), query=batch())
    with pytest.raises(InputError, match="different names"):
        Episode(tasks=(TASK, TASK), query=batch())
    with pytest.raises(InputError, match=r"query has targets of y.*batch\.only"):
        Episode(tasks=(Task(name="z", kind="regression"),), query=batch())


def test_batch_size_looks_into_nested_inputs():
    assert batch_size({"a": {"b": torch.zeros(7, 2)}}) == 7


def test_what_is_there_already_is_not_made_anew():
    episode = Episode(tasks=(TASK,), query=batch())
    assert episode.to("cpu") is episode and episode.query.to("cpu", torch.float32) is episode.query
    assert episode.to("cpu", torch.float64) is not episode
