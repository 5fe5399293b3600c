"""LDC-MTL against autograd of its own sum, written out in few lines."""

import pytest
import torch

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.ldc_mtl import LDCMTL

NAMES = ("a", "b", "c", "d")
FIRST = [2.0, 8.0, 1.0, 4.0]
LOGITS = [0.3, -0.4, 0.1, 0.9]
LOSSES = [1.5, 3.0, 0.9, 4.5]


def ask(balancer, losses=LOSSES, names=NAMES):
    return balancer(Evidence(tuple(names), torch.tensor(losses, dtype=torch.float64), torch.Tensor))


def begun(**arguments):
    balancer = LDCMTL(NAMES, **arguments).double()
    with torch.no_grad():
        for parameter, value in zip(balancer.parameters(), LOGITS, strict=True):
            parameter.fill_(value)
    ask(balancer, FIRST)
    return balancer


def total(losses, logits, first, penalty, scale):
    """The sum to lower, for objectives in the order of their names."""
    normalized = losses / (first / min(FIRST))
    shares = logits.softmax(0)
    compared = normalized * shares if scale == "weights" else normalized
    differences = sum((compared[i] - compared[i + 1]).abs() for i in range(len(losses) - 1))
    return len(losses) * ((shares * normalized).sum() + penalty * differences)


@pytest.mark.parametrize("scale", ["weights", "ones"])
@pytest.mark.parametrize("kept", [[0, 1, 2, 3], [0, 2, 3], [1]])
def test_weights_and_logits_follow_the_gradient_of_the_sum(scale, kept):
    balancer = begun(penalty=0.2, scale=scale)
    losses = torch.tensor(LOSSES, dtype=torch.float64)[kept].requires_grad_()
    logits = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    first = torch.tensor(FIRST, dtype=torch.float64)[kept]
    expected = torch.autograd.grad(total(losses, logits[kept], first, 0.2, scale), [losses, logits])
    update = ask(balancer, losses.tolist(), [NAMES[i] for i in kept])
    torch.testing.assert_close(update.values.detach(), expected[0])
    (update.values * losses.detach()).sum().backward()
    got = [0.0 if parameter.grad is None else parameter.grad.item() for parameter in balancer.parameters()]
    torch.testing.assert_close(torch.tensor(got, dtype=torch.float64), expected[1])


def test_the_order_of_a_step_does_not_matter():
    balancer = begun()
    straight = ask(balancer).values
    turned = ask(balancer, LOSSES[::-1], NAMES[::-1]).values
    torch.testing.assert_close(straight, turned.flip(0))


def test_without_normalization_the_losses_are_taken_as_they_are():
    update = ask(LDCMTL(NAMES, penalty=0.0, normalize=False).double())
    assert update.values.tolist() == [1.0, 1.0, 1.0, 1.0]


def test_training_brings_the_losses_together():
    # Two targets pull one number; the second loss counts five times.
    gaps = []
    for penalty in (0.0, 0.4):
        balancer = LDCMTL(["a", "b"], penalty=penalty, scale="ones", normalize=False).double()
        point = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
        for _ in range(300):
            losses = torch.stack([point.square(), 5 * (point - 1).square()])
            weights = ask(balancer, losses.tolist(), ("a", "b")).values.detach()
            (gradient,) = torch.autograd.grad((weights * losses).sum(), point)
            point = (point - 0.005 * gradient).detach().requires_grad_()
        gaps.append((losses[0] - losses[1]).abs().item())
    assert gaps[1] < gaps[0] / 5


def test_an_absent_objective_keeps_its_first_loss_and_gets_no_gradient():
    balancer = begun()
    update = ask(balancer, [1.0, 2.0], ("a", "c"))
    (update.values * torch.tensor([1.0, 2.0])).sum().backward()
    assert balancer.first.tolist() == FIRST
    assert [parameter.grad is None for parameter in balancer.parameters()] == [False, True, False, True]


def test_a_later_loss_of_zero_will_do():
    expected, smaller = (ask(begun(), [1.0, loss, 1.0, 1.0]).values for loss in (1e-9, 0.0))
    torch.testing.assert_close(smaller, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_in_the_first_step_no_rounding_decides_a_weight(dtype):
    for seed in range(20):
        losses = torch.rand(4, dtype=dtype, generator=torch.Generator().manual_seed(seed)) + 0.01
        weights = LDCMTL(NAMES, scale="ones")(Evidence(tuple(NAMES), losses, torch.Tensor)).values.detach()
        torch.testing.assert_close(weights, losses.min() / losses, rtol=1e-5, atol=0.0)
