"""Parts and halves of a step are, together, the step."""

from collections.abc import Sequence
from itertools import chain

import pytest
import torch

from polytask.core import Batch, Episode, EpisodeStack, InputError, Task
from polytask.core.batch import stack_batches
from polytask.train.parts import part_of

TASK = Task(name="y", kind="regression")


def rows(episodes: Sequence[Episode]) -> list[float]:
    return [value for episode in episodes for value in episode.query.inputs.flatten().tolist()]


def joint(n_rows: int = 7) -> list[Episode]:
    x = torch.arange(float(n_rows))[:, None]
    return [Episode(tasks=(TASK,), query=Batch(inputs=x, targets={"y": x[:, 0]}))]


def few_shot(n_episodes: int) -> list[Episode]:
    batches = [
        Batch(inputs=torch.full((2, 1), float(i)), targets={"y": torch.ones(2)}) for i in range(n_episodes)
    ]
    return [Episode(tasks=(TASK,), query=batch, support=batch) for batch in batches]


@pytest.mark.parametrize("n_parts", [1, 2, 3, 7])
def test_the_parts_of_rows_are_all_rows_in_their_order(n_parts):
    parts = [rows(part_of(joint(), position, n_parts)) for position in range(n_parts)]
    assert list(chain(*parts)) == rows(joint())
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("n_parts", [1, 2, 3])
def test_a_half_is_every_other_place_of_the_parts(n_parts):
    for position in range(n_parts):
        part = rows(part_of(joint(12), position, n_parts))
        halves = [rows(part_of(joint(12), position, n_parts, half=half)) for half in range(2)]
        assert sorted(chain(*halves)) == part
    whole = [
        list(chain(*(rows(part_of(joint(12), place, n_parts, half=half)) for place in range(n_parts))))
        for half in range(2)
    ]
    assert whole == [rows(joint(12))[::2], rows(joint(12))[1::2]]


def test_episodes_that_learn_from_support_are_dealt_out_whole():
    parts = [rows(part_of(few_shot(5), position, 2)) for position in range(2)]
    assert parts == [[0.0, 0.0, 1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0]]
    assert [len(part_of(few_shot(2), position, 2)) for position in range(2)] == [1, 1]
    with pytest.raises(InputError, match=r"A step of 1 episodes cannot be shared by 2; raise the number"):
        part_of(few_shot(1), 0, 2)


@pytest.mark.parametrize("half", [None, 0, 1])
def test_parts_of_a_stack_are_stacks_of_the_same_episodes(half):
    apart = few_shot(7)
    batches = stack_batches([episode.query for episode in apart])
    together = EpisodeStack(tasks=(TASK,), support=batches, query=batches)
    for position in range(2):
        part = part_of(together, position, 2, half=half)
        assert isinstance(part, EpisodeStack)
        assert rows(part) == rows(part_of(apart, position, 2, half=half))
    assert part_of(together, 0, 1) is together
