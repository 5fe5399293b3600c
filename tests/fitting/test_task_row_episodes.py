"""Episodes out of rows of tasks."""

import torch

from polytask.fitting.task_row_episodes import TaskRowEpisodes
from polytask.models.known_rows import MOST_ROWS, KnownRows


def rows(sizes: list[int]) -> KnownRows:
    task = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    number = torch.arange(len(task)).float()
    return KnownRows(inputs=number[:, None], labels=number[:, None] + 100, task=task)


def test_known_and_asked_rows_of_an_episode_are_of_one_task_and_apart() -> None:
    held = rows([1, 2, 9, 40])
    for index in range(20):
        for episode in TaskRowEpisodes(held, n_episodes=8, seed=3).step(index):
            parts = [part for part in (episode.support, episode.query) if part is not None]
            numbers = [
                part.inputs[part.masks["y"], 0].long()  # pyright: ignore[reportArgumentType, reportCallIssue]
                for part in parts
            ]
            seen = torch.cat(numbers)
            assert len(seen.unique()) == len(seen) and len(numbers[1])
            assert len(held.task[seen].unique()) == 1
            assert bool((episode.query.targets["y"][episode.query.masks["y"]] == numbers[1] + 100).all())


def test_a_task_of_one_row_is_never_drawn_and_steps_repeat() -> None:
    source = TaskRowEpisodes(rows([1, 3]), n_episodes=4, seed=0)
    assert len(source.tasks) == 1
    first, again = source.step(5), source.step(5)
    assert torch.equal(first.query.targets["y"], again.query.targets["y"])


def test_no_row_and_many_rows_are_met() -> None:
    source = TaskRowEpisodes(rows([100] * 3), n_episodes=16, seed=0)
    shown = torch.cat([source.step(index).support.masks["y"].sum(1) for index in range(30)])
    assert bool((shown == 0).any()) and bool((shown == 1).any()) and int(shown.max()) > 40


def test_of_large_tasks_some_rows_are_kept_and_they_are_counted() -> None:
    kept, n_tasks = rows([3, MOST_ROWS + 50]).limited(of_classes=False)
    assert n_tasks == 1 and kept.counts(2).tolist() == [3, MOST_ROWS]
    same, none = rows([3, 4]).limited(of_classes=False)
    assert none == 0 and len(same) == 7
