"""Proximal training: which tasks a step sees, and how far it goes."""

import itertools

import torch
from torch import Tensor, nn

from polytask.core import generator
from polytask.rl import RL2, Bandits
from polytask.rl.proximal import PolicyLearner, ProximalTraining
from polytask.rl.rollout import Rollout


class Steep(PolicyLearner):
    """A loss with a slope of 300 in each of two directions; notes which tasks it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(2))
        self.seen: list[list[float]] = []

    def objective(self, rollout: Rollout) -> Tensor:
        self.seen.append(rollout.rewards[:, 0].tolist())
        return 300 * self.place.sum()


def test_each_pass_takes_every_task_once_in_parts_whose_gradient_is_cut() -> None:
    bandits, draw = Bandits(3, kind="gaussian"), generator(0)
    tried = RL2(bandits, width=4).collect(bandits, bandits.tasks(8, draw), n_steps=2, generator=draw)
    learner = Steep()
    optimizer = torch.optim.SGD(learner.parameters(), lr=1.0)
    training = ProximalTraining(learner, optimizer, n_epochs=2, n_parts=4, max_norm=0.5)
    training.step(tried, generator=draw)
    assert [len(part) for part in learner.seen] == [2] * 8
    for epoch in (learner.seen[:4], learner.seen[4:]):
        assert sorted(itertools.chain.from_iterable(epoch)) == sorted(tried.rewards[:, 0].tolist())
    assert learner.seen[:4] != learner.seen[4:]
    torch.testing.assert_close(learner.place.detach(), torch.full((2,), -8 * 0.5 / 2**0.5))
