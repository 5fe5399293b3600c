"""Episodes whose classes are called anew each time."""

import pytest
import torch

from polytask.core import InputError, Task
from polytask.fitting.own_class_episodes import OwnClassEpisodes
from polytask.fitting.task_row_episodes import TaskRowEpisodes
from polytask.models.known_rows import KnownRows

TASK = Task(name="y", kind="multiclass", n_outputs=4)


def source(labels: list[list[int]], n_classes: int = 4, seed: int = 0) -> OwnClassEpisodes:
    """Rows whose only input is the index of their class, over all tasks."""
    codes = torch.tensor([code for task in labels for code in task]).float()[:, None]
    task = torch.arange(len(labels)).repeat_interleave(torch.tensor([len(one) for one in labels]))
    rows = KnownRows(inputs=codes, labels=codes, task=task)
    episodes = TaskRowEpisodes(rows, n_episodes=6, seed=seed, task=TASK, some_shown=True)
    return OwnClassEpisodes(episodes, n_classes=n_classes, seed=seed)


def test_a_class_has_one_place_in_an_episode_and_others_in_other_episodes():
    found = set()
    for index in range(20):
        for episode in source([[0, 1, 0, 1, 2, 2], [7, 8, 9, 9, 8, 7]]).step(index):
            assert episode.support is not None
            place = {}
            for batch in (episode.support, episode.query):
                mask = batch.masks["y"]
                pairs = zip(batch.inputs[mask, 0].tolist(), batch.targets["y"][mask].tolist(), strict=True)
                for code, target in pairs:
                    assert place.setdefault(code, target) == target and 0 <= target < 4
            assert len(set(place.values())) == len(place)
            found |= set(place.items())
    assert {target for code, target in found if code == 7} == {0, 1, 2, 3}


def test_rows_of_classes_that_are_not_shown_do_not_count_and_every_episode_asks_something():
    for index in range(20):
        for episode in source([[0, 1, 2, 0, 1, 2]]).step(index):
            assert episode.support is not None
            shown = set(episode.support.inputs[episode.support.masks["y"], 0].tolist())
            asked = episode.query.inputs[episode.query.masks["y"], 0].tolist()
            assert asked and set(asked) <= shown


def test_steps_repeat():
    first, again = (source([[0, 1, 0, 1]]).step(3).query.targets["y"] for _ in range(2))
    assert torch.equal(first, again)


def test_more_classes_than_places_and_classes_of_one_row_are_refused():
    with pytest.raises(InputError, match="a task has 3 classes, but the network is built for 2"):
        for index in range(50):
            source([[0, 1, 2] * 5], n_classes=2).step(index)
    with pytest.raises(InputError, match="No class is met twice"):
        source([[0, 1, 2]]).step(0)
