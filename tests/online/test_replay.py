"""The memory of tasks: what is kept, and how episodes are cut from it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import Batch, InputError, Task
from polytask.online import TaskReplay

Y = Task(name="y", kind="regression")


def numbered(value: float, n_rows: int = 4) -> Batch:
    return Batch(inputs=torch.arange(float(n_rows)).unsqueeze(1), targets={"y": torch.full((n_rows,), value)})


def kept_values(replay: TaskReplay) -> list[int]:
    return [int(replay.episode(place, draw=0).query.targets["y"][0]) for place in range(len(replay))]


def test_every_task_has_the_same_chance_to_be_kept():
    counts = torch.zeros(12)
    for seed in range(600):
        replay = TaskReplay(capacity=3, seed=seed)
        for value in range(12):
            replay.add([Y], numbered(value))
        counts[kept_values(replay)] += 1
    # Each is kept with probability 1/4: 150 of 600 times, standard deviation 10.6.
    assert float((counts - 150).abs().max()) < 4 * 10.6


@settings(deadline=None)
@given(n_rows=st.integers(2, 30), share=st.floats(0.05, 0.95), draw=st.integers(0, 5))
def test_a_cut_has_every_labelled_row_once_and_none_without_label(n_rows, share, draw):
    labelled = torch.arange(n_rows) % 3 != 2
    labelled[:2] = True
    batch = Batch(
        inputs=torch.arange(float(n_rows)).unsqueeze(1),
        targets={"y": torch.zeros(n_rows)},
        masks={"y": labelled},
    )
    episode = TaskReplay(support_share=share).cut([Y], batch, draw)
    assert episode.support is not None
    parts = [sorted(int(x) for x in part.inputs) for part in (episode.support, episode.query)]
    assert min(map(len, parts)) >= 1
    assert sorted(parts[0] + parts[1]) == labelled.nonzero().flatten().tolist()


@pytest.mark.parametrize(("share", "n_support"), [(0.3, 6), (0.5, 10), (0.99, 19), (0.01, 1)])
def test_the_support_has_its_share_of_the_rows(share, n_support):
    rows = Batch(inputs=torch.zeros(20, 1), targets={"y": torch.zeros(20)})
    episode = TaskReplay(support_share=share).cut([Y], rows, 0)
    assert episode.support is not None
    assert (len(episode.support), len(episode.query)) == (n_support, 20 - n_support)


@settings(deadline=None)
@given(sizes=st.lists(st.integers(1, 6), min_size=2, max_size=4), draw=st.integers(0, 5))
def test_a_cut_of_classes_has_all_of_them_in_the_support_and_those_of_two_in_the_query(sizes, draw):
    labels = torch.cat([torch.full((n,), k) for k, n in enumerate([*sizes, 2])])
    task = Task(name="k", kind="multiclass", n_outputs=len(sizes) + 1)
    batch = Batch(inputs=torch.zeros(len(labels), 1), targets={"k": labels})
    episode = TaskReplay().cut([task], batch, draw)
    assert episode.support is not None
    assert set(episode.support.targets["k"].tolist()) == set(labels.tolist())
    assert set(episode.query.targets["k"].tolist()) == {k for k, n in enumerate([*sizes, 2]) if n > 1}


def test_cuts_are_repeatable_and_differ_by_their_number():
    replay = TaskReplay(seed=1)
    replay.add([Y], numbered(0, 20))
    first, again, other = (replay.episode(0, draw=draw).query.inputs for draw in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_sample_has_different_tasks():
    replay = TaskReplay(capacity=5)
    for value in range(5):
        replay.add([Y], numbered(value))
    for draw in range(10):
        found = [int(episode.query.targets["y"][0]) for episode in replay.sample(3, draw=draw)]
        assert len(set(found)) == 3
    assert len(replay.sample(9, draw=0)) == 5


@pytest.mark.parametrize(
    ("tasks", "batch", "message"),
    [
        ([], numbered(0), "There is no task"),
        ([Y], numbered(0, 1), "two labelled examples.*; y has fewer"),
        ([Y, Task(name="z", kind="binary")], numbered(0), "; z has fewer"),
        (
            [Task(name="k", kind="multiclass", n_outputs=4)],
            Batch(inputs=torch.zeros(3, 1), targets={"k": torch.tensor([0, 2, 2])}),
            "no example of the classes 1, 3",
        ),
        (
            [Task(name="k", kind="multiclass", n_outputs=2)],
            Batch(inputs=torch.zeros(2, 1), targets={"k": torch.tensor([0, 1])}),
            "none is left to judge by",
        ),
    ],
)
def test_examples_that_cannot_be_cut_are_refused(tasks, batch, message):
    with pytest.raises(InputError, match=message):
        TaskReplay().add(tasks, batch)


def test_wrong_arguments_are_named_at_once():
    with pytest.raises(InputError, match=r"`capacity` must be at least 1, got 0; `support_share`.*got 1"):
        TaskReplay(capacity=0, support_share=1)
