import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import Batch, DataError, InputError, Task
from polytask.data.steps.joint import JointSource

_TASKS = (Task(name="a", kind="regression"), Task(name="b", kind="binary"))


def _data(n_rows: int) -> Batch:
    rows = torch.arange(float(n_rows))
    return Batch(
        inputs=rows[:, None], targets={"a": rows, "b": rows % 2}, masks={"b": torch.ones(n_rows).bool()}
    )


def _rows(source: JointSource, index: int) -> list[int]:
    return source.step(index)[0].query.targets["a"].int().tolist()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 50), st.integers(1, 12), st.integers(0, 3))
def test_every_epoch_goes_through_all_examples_once(n_rows: int, batch_size: int, epoch: int) -> None:
    source = JointSource(_TASKS, _data(n_rows), batch_size=batch_size, seed=0)
    steps = [_rows(source, epoch * source.n_steps + position) for position in range(source.n_steps)]
    assert sorted(row for step in steps for row in step) == list(range(n_rows))


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 50), st.integers(2, 12))
def test_no_batch_is_a_single_example(n_rows: int, batch_size: int) -> None:
    source = JointSource(_TASKS, _data(n_rows), batch_size=batch_size, seed=0)
    sizes = [len(_rows(source, position)) for position in range(source.n_steps)]
    assert min(sizes) > 1 and max(sizes) <= batch_size + 1
    assert all(size == batch_size for size in sizes[:-1])


def test_a_step_is_the_same_whenever_it_is_asked() -> None:
    source = JointSource(_TASKS, _data(20), batch_size=6, seed=0)
    forwards = [_rows(source, index) for index in range(12)]
    backwards = [_rows(source, index) for index in reversed(range(12))]
    fresh = [_rows(JointSource(_TASKS, _data(20), batch_size=6, seed=0), index) for index in range(12)]
    assert forwards == backwards[::-1] == fresh


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    source = JointSource(_TASKS, _data(20), batch_size=20, seed=0)
    other = JointSource(_TASKS, _data(20), batch_size=20, seed=1)
    assert len({tuple(_rows(source, 0)), tuple(_rows(source, 1)), tuple(_rows(other, 0))}) == 3


def test_an_episode_has_all_tasks_with_inputs_targets_and_masks_in_step() -> None:
    (episode,) = JointSource(_TASKS, _data(20), batch_size=6, seed=0).step(3)
    assert episode.tasks == _TASKS and episode.support is None
    rows = episode.query.targets["a"]
    assert torch.equal(episode.query.inputs[:, 0], rows) and torch.equal(episode.query.targets["b"], rows % 2)
    assert episode.query.masks["b"].all()


def test_targets_of_other_tasks_are_left_out() -> None:
    (episode,) = JointSource(_TASKS[:1], _data(20), batch_size=6, seed=0).step(0)
    assert list(episode.query.targets) == ["a"] and not episode.query.masks


def test_a_task_without_label_is_refused() -> None:
    data = Batch(inputs=torch.zeros(3, 1), targets={"a": torch.zeros(3)}, masks={"a": torch.zeros(3).bool()})
    with pytest.raises(DataError, match="no label of a, b; add some or drop the task"):
        JointSource(_TASKS, data, batch_size=2, seed=0)


def test_no_example_is_refused() -> None:
    with pytest.raises(DataError, match="no examples to train on"):
        JointSource(_TASKS, _data(0), batch_size=2, seed=0)


def test_a_batch_size_below_1_is_refused() -> None:
    with pytest.raises(InputError, match="`batch_size` must be at least 1, got 0"):
        JointSource(_TASKS, _data(3), batch_size=0, seed=0)
