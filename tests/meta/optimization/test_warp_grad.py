"""Warped descent against its formula."""

import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, Task, generator, seeded
from polytask.core.learner import TOGETHER, run_loop
from polytask.execution import check_meta_gradient
from polytask.meta.optimization import WarpGrad, with_warp_layers

CLASSES = Task(name="class", kind="multiclass", n_outputs=3)


def net() -> nn.Sequential:
    with seeded(0, "net"):
        return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))


def episodes() -> list[Episode]:
    def batch(n_rows: int, *path: str | int) -> Batch:
        x = torch.randn(n_rows, 4, generator=generator(0, *path))
        return Batch(inputs=x, targets={"class": torch.arange(n_rows) % 3})

    return [
        Episode(tasks=(CLASSES,), support=batch(6, "support", i), query=batch(5, "query", i))
        for i in range(3)
    ]


def test_warp_layers_change_nothing_at_first_and_stay_out_of_the_inner_loop() -> None:
    plain, x = net(), torch.randn(3, 4)
    torch.testing.assert_close(with_warp_layers(plain)(x), plain(x))
    (episode, *_) = episodes()
    learner = WarpGrad(net(), n_steps=2)
    assert not any("warp" in name for name in learner.adapt(episode.tasks, episode.support).state[TOGETHER])


def test_warp_layers_get_the_mean_gradient_along_the_trajectory() -> None:
    learner = WarpGrad(net(), n_steps=3, learn_start=False)
    (episode, *_) = episodes()
    assert episode.support is not None
    warp: Tensor = dict(learner.model.named_parameters())["0.warp.weight"]
    states = learner.trajectory(episode.tasks, episode.support)[1:]
    losses = [
        learner.loss({n: p.detach() for n, p in state.items()}, episode.tasks, episode.query, 0)
        for state in states
    ]
    (expected,) = torch.autograd.grad(torch.stack(losses).mean(), warp)
    (value,) = run_loop(learner, [episode])
    (found,) = torch.autograd.grad(value, warp)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(value.detach(), losses[-1].detach())


def test_every_execution_of_warped_descent_agrees() -> None:
    check_meta_gradient(WarpGrad(net(), n_steps=2), episodes()).raise_if_wrong()


def test_warped_descent_moves_the_start_as_reptile_does() -> None:
    learner, (episode, *_) = WarpGrad(net(), n_steps=3, inner_rate=0.3), episodes()
    assert episode.support is not None
    before = learner.initial(episode.tasks, episode.support)
    after = learner.adapt(episode.tasks, episode.support).state[TOGETHER]
    learner.objectives([episode]).total().backward()
    for name, parameter in before.items():
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, parameter.detach() - after[name])
