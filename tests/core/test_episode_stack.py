"""Episodes held stacked: a sequence of views, moved and cut as one."""

import pickle

import pytest
import torch
from torch import Tensor

from polytask.core import Batch, Episode, EpisodeStack, InputError, Task

TASKS = (Task(name="y", kind="regression"), Task(name="z", kind="regression", n_outputs=2))


def batch(n_episodes: int, n_examples: int, *, masked: bool = False) -> Batch:
    x = torch.arange(float(n_episodes * n_examples)).reshape(n_episodes, n_examples, 1)
    targets = {"y": x[..., 0] + 0.5, "z": x.repeat(1, 1, 2)}
    masks = {"y": x[..., 0] > 3, "z": torch.zeros(n_episodes, n_examples, 2, dtype=torch.bool)}
    return Batch(inputs={"x": x, "n": x.long()}, targets=targets, masks=masks if masked else {})


def stack(n_episodes: int = 4, *, masked: bool = False) -> EpisodeStack:
    return EpisodeStack(tasks=TASKS, support=batch(n_episodes, 3), query=batch(n_episodes, 2, masked=masked))


def inputs(episode: Episode, name: str = "x") -> list[float]:
    assert not isinstance(episode.query.inputs, Tensor)
    tensor = episode.query.inputs[name]
    assert isinstance(tensor, Tensor)
    return tensor.flatten().tolist()


def test_it_is_a_sequence_of_episodes():
    episodes = stack()
    assert len(episodes) == 4 and all(isinstance(episode, Episode) for episode in episodes)
    assert [inputs(episode) for episode in episodes] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert inputs(episodes[-1]) == [6, 7]
    first = episodes[0]
    assert first.tasks == TASKS and first.support is not None
    assert len(first.support) == 3 and first.query.targets["z"].shape == (2, 2)
    with pytest.raises(IndexError):
        episodes[4]


def test_an_episode_is_a_view():
    episodes = stack()
    episodes[1].query.targets["y"][0] = 99.0
    assert episodes.query.targets["y"][1, 0] == 99.0


def test_a_part_is_a_stack():
    episodes = stack()
    for part in (
        episodes[1::2],
        episodes.only(torch.tensor([1, 3])),
        episodes.only(torch.arange(4) % 2 == 1),
    ):
        assert isinstance(part, EpisodeStack)
        assert [inputs(episode) for episode in part] == [[2, 3], [6, 7]]


def test_moving_it_moves_every_tensor_and_turns_the_floating_ones_alone():
    moved = stack(masked=True).to("cpu", torch.float64)
    assert moved.query.targets["y"].dtype == moved.support.targets["z"].dtype == torch.float64
    assert moved.query.masks["y"].dtype == torch.bool
    assert inputs(moved[1], "n") == [2, 3]
    assert moved[1].query.inputs["n"].dtype == torch.long  # type: ignore[index, union-attr]


def test_queries_without_any_label_are_told():
    assert stack().unlabelled() == []
    assert stack(masked=True).unlabelled() == [0, 1]
    bare = EpisodeStack(tasks=TASKS, support=batch(3, 1), query=Batch(inputs=torch.zeros(3, 2)))
    assert bare.unlabelled() == [0, 1, 2] and bare[0].query.n_labels("y") == 0
    empty = EpisodeStack(tasks=TASKS, support=batch(3, 1), query=batch(3, 0))
    assert empty.unlabelled() == [0, 1, 2] and empty[0].query.n_labels("y") == 0


def test_it_travels_to_another_process():
    again = pickle.loads(pickle.dumps(stack()))  # noqa: S301 - our own bytes
    assert isinstance(again, EpisodeStack) and inputs(again[2]) == [4, 5]


@pytest.mark.parametrize(
    ("support", "query", "message"),
    [
        (batch(3, 2), batch(4, 2), "support and the query of one episode or more, got 3 and 4"),
        (batch(3, 2).rows(slice(0)), batch(3, 2).rows(slice(0)), "got 0 and 0"),
        (batch(2, 2), Batch(inputs=torch.zeros(2, 5, 1), targets={"y": torch.zeros(2, 4)}), "not 5 rows"),
        (batch(2, 2), Batch(inputs=torch.zeros(2, 5), targets={"w": torch.zeros(2, 5)}), "has targets of w"),
        (batch(2, 2), Batch(inputs=torch.zeros(2)), "a scalar"),
    ],
)
def test_what_does_not_fit_together_is_refused(support, query, message):
    with pytest.raises(InputError, match=message):
        EpisodeStack(tasks=TASKS, support=support, query=query)
