"""Reptile goes where training ends."""

import torch
from torch import nn

from polytask.core import Batch, Episode, Task, generator, seeded
from polytask.core.copied_module import module_copy
from polytask.meta.adaptation.rules import SGD
from polytask.meta.initialization import Reptile

CLASSES = Task(name="c", kind="multiclass", n_outputs=3)


def batch(n_rows: int, *path: str | int) -> Batch:
    x = torch.randn(n_rows, 4, generator=generator(0, *path))
    return Batch(inputs=x, targets={"c": torch.arange(n_rows) % 3})


EPISODE = Episode(tasks=(CLASSES,), support=batch(6, "support"), query=batch(6, "query"))


def net(n_in: int = 4) -> nn.Sequential:
    with seeded(0):
        return nn.Sequential(nn.Linear(n_in, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 3))


def test_reptile_goes_where_training_on_support_and_query_together_ends() -> None:
    learner = Reptile(net(), rule=SGD(0.3), n_steps=4, batch_size=None)
    weights = [p.detach().clone().requires_grad_() for p in learner.model.parameters()]
    own, optimizer = net(), torch.optim.SGD(weights, lr=0.3)
    inputs = torch.cat([torch.as_tensor(batch(6, part).inputs) for part in ("support", "query")])
    names = [name for name, _ in own.named_parameters()]
    for _ in range(4):
        answers = module_copy(own, dict(zip(names, weights, strict=True)))(inputs)
        optimizer.zero_grad()
        nn.functional.cross_entropy(answers, torch.arange(12) % 3).backward()
        optimizer.step()
    learner.objectives([EPISODE]).total().backward()
    for parameter, end in zip(learner.model.parameters(), weights, strict=True):
        torch.testing.assert_close(parameter.grad, parameter.detach() - end.detach())
