"""Episodes of tasks with examples of their own."""

from collections.abc import Callable

import pytest
import torch

from polytask.checks import check_source
from polytask.core import Batch, DataError, Episode, Task, generator
from polytask.data import TaskEpisodes
from polytask.data.episodes.task_episodes import tasks_by_group, tasks_by_target

SCORE = Task(name="score", kind="regression")


def pupils() -> Batch:
    draw = generator(0)
    return Batch(inputs=torch.randn(80, 3, generator=draw), targets={"score": torch.arange(80.0)})


def schools() -> dict[str, Batch]:
    return tasks_by_group(pupils(), torch.arange(80) % 5)


def source() -> TaskEpisodes:
    return TaskEpisodes(SCORE, schools(), n_support=(2, 5), n_query=6, n_episodes=3)


def test_it_keeps_the_contract_of_a_source() -> None:
    check_source(source())


def parts(episode: Episode) -> tuple[Batch, Batch]:
    assert episode.support is not None
    return episode.support, episode.query


def test_an_episode_of_a_task_has_rows_of_that_task_alone() -> None:
    for episode in source().step(3):
        support, query = parts(episode)
        rows = torch.cat([support.targets["score"], query.targets["score"]]).long()
        assert len(rows.unique()) == len(rows) == len(support) + 6
        assert len(set((rows % 5).tolist())) == 1


def test_an_evaluation_episode_asks_all_other_rows() -> None:
    source = TaskEpisodes(SCORE, schools(), n_support=4)
    support, query = parts(source.of("2", n_support=4, seed=1))
    assert (len(support), len(query)) == (4, 12)
    again, _ = parts(source.of("2", n_support=4, seed=1))
    assert torch.equal(support.targets["score"], again.targets["score"])
    other, _ = parts(source.of("2", n_support=4, seed=2))
    assert not torch.equal(support.targets["score"], other.targets["score"])


def test_a_target_becomes_a_task_of_its_labelled_rows() -> None:
    rows = Batch(
        inputs=torch.arange(6.0).unsqueeze(1),
        targets={
            "a": torch.arange(6.0),
            "b": torch.full((6,), float("nan")).index_fill(0, torch.tensor(1), 7.0),
        },
        masks={"b": torch.arange(6) == 1},
    )
    found = tasks_by_target(rows, name="value")
    assert found["b"].targets["value"].tolist() == [7.0]
    assert found["b"].inputs.tolist() == [[1.0]]  # pyright: ignore[reportAttributeAccessIssue]
    assert set(tasks_by_target(rows, least=2)) == {"a"}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: TaskEpisodes(SCORE, schools(), n_support=16), "have fewer than 17 rows"),
        (lambda: TaskEpisodes(SCORE, {}, n_support=1), "`examples` is empty"),
        (
            lambda: TaskEpisodes(Task(name="y", kind="regression"), schools(), n_support=1),
            "have no target 'y'",
        ),
        (lambda: tasks_by_group(pupils(), ["a"]), "There are 80 rows but 1 groups"),
    ],
)
def test_a_wrong_argument_is_named(build: Callable[[], object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        build()
