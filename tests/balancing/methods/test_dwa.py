"""Dynamic weight averaging against TorchJD's, and what an absent objective leaves alone."""

import torch
from torchjd.scalarization import DWA as TorchJDDWA  # noqa: N811 - one acronym, two owners

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.dwa import DWA
from polytask.core import generator

NAMES = ("a", "b", "c")


def ask(balancer, losses, names=NAMES):
    return balancer(Evidence(tuple(names), torch.tensor(losses, dtype=torch.float64), torch.Tensor)).values


def test_it_is_torchjds_with_an_epoch_of_window_steps():
    ours, theirs = DWA(NAMES, window=4).double(), TorchJDDWA()
    steps = torch.rand(20, 3, generator=generator(0, "losses"), dtype=torch.float64) + 0.1
    for step, losses in enumerate(steps):
        values = losses.clone().requires_grad_()
        (expected,) = torch.autograd.grad(theirs(values), values)
        torch.testing.assert_close(ask(ours, losses.tolist()), expected)
        if step % 4 == 3:
            theirs.step()


def test_an_absent_objective_keeps_its_windows():
    balancer = DWA(NAMES, window=2).double()
    for losses in ([1.0, 2, 3], [2.0, 2, 2], [1.0, 5, 1]):
        ask(balancer, losses)
    before = {name: value[1].clone() for name, value in balancer.state_dict().items()}
    for _ in range(5):
        ask(balancer, [1.0, 1.0], ("a", "c"))
    assert all(torch.equal(value[1], before[name]) for name, value in balancer.state_dict().items())


def test_the_weights_of_the_objectives_present_sum_to_their_number():
    balancer = DWA(NAMES, window=1).double()
    for losses in ([1.0, 2, 3], [2.0, 2, 2], [1.0, 5, 1]):
        ask(balancer, losses)
    torch.testing.assert_close(ask(balancer, [1.0, 9.0], ("b", "c")).sum().item(), 2.0)
