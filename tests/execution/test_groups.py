"""How episodes are put together before they are run at once."""

import pytest
import torch
from torch import nn

from polytask.core import Batch, Episode, EpisodeStack, InputError, Task, seeded
from polytask.core.learner import run_loop
from polytask.data import FunctionEpisodes, Sinusoids
from polytask.execution import run_vmap
from polytask.execution.chunked import Chunked
from polytask.execution.groups import in_groups, signature
from polytask.execution.threads import Threads
from polytask.meta.initialization import MAML


def stack(n_episodes: int = 5) -> EpisodeStack:
    return FunctionEpisodes(Sinusoids(), n_support=3, n_query=4, n_episodes=n_episodes, seed=0).step(0)


def learner() -> MAML:
    with seeded(0, "initialization"):
        return MAML(nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)), n_steps=1)


EXECUTIONS = {"loop": run_loop, "vmap": run_vmap, "chunked": Chunked(2), "threads": Threads(2)}


@pytest.mark.parametrize("name", EXECUTIONS)
def test_a_stack_gives_the_values_and_gradients_of_its_episodes_one_by_one(name):
    def run(episodes):
        model = learner().double()
        values = EXECUTIONS[name](model, episodes)
        return values, torch.autograd.grad(values.square().sum(), list(model.parameters()))

    episodes = stack().to("cpu", torch.float64)
    torch.testing.assert_close(run(episodes), run(list(episodes)), rtol=1e-12, atol=1e-12)


def test_a_stack_is_never_taken_apart(monkeypatch):
    episodes, given = stack(), []

    def run(learner, parameters, group):
        given.append(group)
        return torch.zeros(len(group))

    def take(self, index):
        raise AssertionError("an episode was taken out")

    monkeypatch.setattr(EpisodeStack, "__getitem__", take)
    learner().objectives(episodes, execution=lambda model, given: in_groups(run, model, given))
    (group,) = given
    assert group is episodes


def test_a_stack_and_its_episodes_are_of_one_form():
    episodes = stack()
    assert {signature(episode) for episode in episodes} == {signature(episodes)}


def test_a_stack_of_one_runs_in_the_loop():
    episodes = stack(1)
    values = in_groups(lambda *_: pytest.fail("a group of one was run"), learner(), episodes)
    assert values.shape == (1,)


def test_the_queries_of_a_stack_need_a_label_each():
    half = Batch(
        inputs=torch.zeros(2, 3, 1),
        targets={"y": torch.zeros(2, 3)},
        masks={"y": torch.tensor([[True] * 3, [False] * 3])},
    )
    episodes = EpisodeStack(tasks=(Task(name="y", kind="regression"),), support=half, query=half)
    for given in (episodes, list(episodes)):
        with pytest.raises(InputError, match="The query of episode 1 has no label"):
            learner().objectives(given)


def test_the_episodes_of_a_stack_are_numbered_as_others_are():
    names = learner().objectives(stack(3)).names
    assert names == learner().objectives(list(stack(3))).names == ("y#0", "y#1", "y#2")


def test_groups_come_back_in_the_order_of_the_episodes():
    short, long = list(stack()), []
    for episode in stack():
        long.append(Episode(tasks=episode.tasks, support=episode.support, query=episode.query.rows(slice(2))))
    mixed = [episode for pair in zip(short, long) for episode in pair]

    def run(model, parameters, group):
        return torch.stack([episode.query.targets["y"].sum() for episode in group])

    expected = torch.stack([episode.query.targets["y"].sum() for episode in mixed])
    assert torch.equal(in_groups(run, learner(), mixed), expected)
