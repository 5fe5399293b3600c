"""A rehearsed training: looks leave no trace, steps are those of plain training."""

import torch
from torch import nn

from polytask.architectures import HardSharing
from polytask.core import Batch, SharedModel, Task
from polytask.data import JointSource
from polytask.relate.rehearsal import Rehearsal


def test_the_copys_buffers_move_once_a_step_however_often_it_is_looked_at():
    torch.manual_seed(0)
    task = Task(name="a", kind="regression")
    trunk = nn.Sequential(nn.BatchNorm1d(3), nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)))
    model = SharedModel([task], HardSharing(trunk), {"a": nn.Linear(4, 1)})
    data = Batch(inputs=torch.randn(12, 3), targets={"a": torch.randn(12)})
    buffers = []
    for n_looks in (0, 3):
        rehearsal = Rehearsal(
            learner=model, source=JointSource([task], data, batch_size=4, seed=0), n_steps=3,
            optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        )  # fmt: skip
        for episodes in rehearsal:
            for _ in range(n_looks):
                rehearsal.objectives(episodes)
        buffers.append(dict(rehearsal.learner.named_buffers()))
    assert buffers[0]["sharing.trunk.0.num_batches_tracked"] == 3
    assert all(torch.equal(value, buffers[1][name]) for name, value in buffers[0].items())
