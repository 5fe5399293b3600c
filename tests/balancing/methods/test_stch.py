"""Smooth Tchebycheff against TorchJD's on logarithms, and its warm-up."""

import torch
from torchjd.scalarization import STCH as TorchJDSTCH  # noqa: N811 - one acronym, two owners

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.stch import STCH

NAMES = ("a", "b", "c")
WARM_UP = [[1.0, 2.0, 3.0], [3.0, 2.0, 5.0]]


def ask(balancer, losses, names=NAMES):
    return balancer(Evidence(tuple(names), torch.tensor(losses, dtype=torch.float64), torch.Tensor)).values


def warmed(**arguments):
    balancer = STCH(NAMES, warm_up=2, **arguments).double()
    for losses in WARM_UP:
        ask(balancer, losses)
    return balancer


def test_it_is_torchjds_on_logarithms_relative_to_the_average_of_the_warm_up():
    losses = torch.tensor([0.5, 2.5, 1.0], dtype=torch.float64, requires_grad=True)
    nadir = torch.tensor(WARM_UP, dtype=torch.float64).mean(0)
    preference = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64)
    theirs = TorchJDSTCH(0.3, weights=preference)
    (expected,) = torch.autograd.grad(3 * theirs((losses / nadir).log()), losses)
    got = ask(warmed(smoothing=0.3, preference={"b": 2.0}), losses.tolist())
    torch.testing.assert_close(got, expected)


def test_the_warm_up_follows_the_sum_of_logarithms():
    torch.testing.assert_close(
        ask(STCH(NAMES), [1.0, 2.0, 4.0]), torch.tensor([1.0, 0.5, 0.25], dtype=torch.float64)
    )


def test_a_small_smoothing_gives_all_weight_to_the_objective_that_fell_least():
    weights = ask(warmed(smoothing=1e-3), [1.0, 1.9, 1.0])
    torch.testing.assert_close(weights, torch.tensor([0.0, 3 / 1.9, 0.0], dtype=torch.float64))


def test_the_unit_of_a_loss_does_not_change_its_part_of_the_update():
    scale = torch.tensor([1.0, 1000.0, 1e-3], dtype=torch.float64)
    plain, scaled = STCH(NAMES, warm_up=2).double(), STCH(NAMES, warm_up=2).double()
    for losses in (*WARM_UP, [0.5, 2.5, 1.0]):
        first = ask(plain, losses)
        second = ask(scaled, (torch.tensor(losses, dtype=torch.float64) * scale).tolist())
    torch.testing.assert_close(first, second * scale)


def test_the_nadir_stays_after_the_warm_up():
    balancer = warmed()
    before = balancer.nadir.clone()
    ask(balancer, [9.0, 9.0, 9.0])
    assert torch.equal(balancer.nadir, before)


def test_an_absent_objective_keeps_its_warm_up():
    balancer = STCH(NAMES, warm_up=3).double()
    ask(balancer, [1.0, 2.0, 3.0])
    for _ in range(4):
        ask(balancer, [1.0, 1.0], ("a", "c"))
    assert (balancer.n_seen.tolist(), balancer.nadir[1].item()) == ([3, 1, 3], 2.0)


def test_an_objective_that_comes_late_warms_up_beside_the_others():
    balancer = STCH(NAMES, warm_up=2).double()
    for losses in ([1.0, 2.0], [1.0, 2.0]):
        ask(balancer, losses, ("a", "c"))
    weights = ask(balancer, [1.0, 5.0, 2.0])  # a and c stand at their nadir, b is new
    torch.testing.assert_close(weights, torch.tensor([1.0, 0.2, 0.5], dtype=torch.float64))
