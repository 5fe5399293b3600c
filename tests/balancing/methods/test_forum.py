"""FORUM against a solver of its own problem."""

import pytest
import torch
from tests.balancing.methods.held_out import CENTERS, LOGITS, NAMES, ROWS, N, held_out, numbers, seen
from torch import Tensor

from polytask.balancing.methods.forum import FORUM
from polytask.balancing.solvers import shortest_in_hull


def forum_direction(rho: float, lookahead: float, validation: Tensor) -> tuple[Tensor, Tensor]:
    """Solve the problem of the direction itself, in the logits and parameters, and return both parts."""
    cvxpy = pytest.importorskip("cvxpy")
    shares = LOGITS.softmax(0)
    lower = shares @ ROWS
    fall = lookahead * ROWS @ lower
    slope = (shares.diag() - torch.outer(shares, shares)) @ fall
    q = torch.cat([slope, lower]).numpy()
    rows = torch.cat([torch.zeros(3, 3).double(), validation], 1).numpy()
    d = cvxpy.Variable(3 + N)
    gain = cvxpy.min(rows @ d) - 0.5 * cvxpy.sum_squares(d)
    cvxpy.Problem(cvxpy.Maximize(gain), [q @ d >= rho * (q @ q)]).solve(
        solver="CLARABEL", tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12
    )
    found = torch.from_numpy(d.value)
    return found[:3], found[3:]


def test_forum_without_constraint_serves_a_validation_objective_of_a_short_gradient_too():
    validation = numbers(3, N, seed=20) * torch.tensor([[1e3], [1.0], [1e-3]]).double()
    forum = FORUM(NAMES, lookahead=1e-12, rho=1e-9)
    rows = 1e-6 * torch.stack([validation.sum(0)] * 3)  # lowered by whatever lowers these
    direction = forum(seen(rows, validation=lambda _: dict(zip(NAMES, validation, strict=True)))).values
    expected = shortest_in_hull(validation @ validation.T) @ validation
    torch.testing.assert_close(direction / 3, expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rho", [0.1, 0.7])
def test_forum_takes_the_direction_that_serves_the_slowest_objective_under_the_constraint(seed, rho):
    validation = numbers(3, N, seed=10 + seed)
    forum = FORUM(NAMES, lookahead=0.3, rho=rho)
    forum.logits.copy_(LOGITS)
    evidence = seen(validation=lambda _: dict(zip(NAMES, validation, strict=True)))
    logits, parameters = forum_direction(rho, 0.3, validation)
    torch.testing.assert_close(forum(evidence).values, 3 * parameters, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(forum.adam.moments[:, 0], 0.1 * logits, rtol=1e-4, atol=1e-6)


def test_among_the_tested_directions_the_constraint_binds_and_does_not():
    forces = []
    for seed in range(4):
        validation = numbers(3, N, seed=10 + seed)
        for rho in (0.1, 0.7):
            logits, _ = forum_direction(rho, 0.3, validation)
            forces.append(float(logits.norm()) > 1e-6)
    assert set(forces) == {True, False}


def test_the_constraints_gradient_is_right_to_first_order_in_the_lookahead():
    """Against finite differences of f(alpha, theta) - f(alpha, theta'), with theta' held constant."""
    lookahead, losses = 1e-4, lambda d: 0.5 * (d - CENTERS).square().sum(1)
    rows = -CENTERS  # the gradients at displacement 0
    shares = LOGITS.softmax(0)
    minimizer = -lookahead * shares @ rows

    def constraint(logits: Tensor) -> Tensor:
        return logits.softmax(0) @ (losses(torch.zeros(N).double()) - losses(minimizer))

    step = torch.eye(3).double() * 1e-4
    expected = torch.stack([(constraint(LOGITS + e) - constraint(LOGITS - e)) / 2e-4 for e in step])
    forum = FORUM(NAMES, lookahead=lookahead, rho=1e3)  # the constraint binds for sure
    forum.logits.copy_(LOGITS)
    forum(seen(rows=rows))
    found = forum.adam.moments[:, 0]
    torch.testing.assert_close(found / found.norm(), expected / expected.norm(), rtol=1e-3, atol=1e-3)


def test_forum_smooths_the_shares_of_the_validation_objectives():
    forum = FORUM(NAMES)
    forum(seen())
    first = forum.mixture.clone()
    other = numbers(3, N, seed=3)
    forum(seen(validation=lambda _: dict(zip(NAMES, other, strict=True))))
    fresh = FORUM(NAMES)
    fresh.logits.copy_(moved_logits())
    fresh(seen(validation=lambda _: dict(zip(NAMES, other, strict=True))))
    torch.testing.assert_close(forum.mixture, first + 2**-0.75 * (fresh.mixture - first))


def moved_logits() -> Tensor:
    forum = FORUM(NAMES)
    forum(seen())
    return forum.logits.clone()


def test_forum_leaves_the_shares_of_absent_validation_objectives_alone():
    forum = FORUM(NAMES)
    forum.mixture.copy_(torch.tensor([0.5, 0.25, 0.25]).double())
    forum(seen(validation=lambda d: {name: held_out(d)[name] for name in ("a", "c")}))
    assert float(forum.mixture[1]) == 0.25
    assert float(forum.mixture.sum()) == pytest.approx(1)


def test_forum_without_a_training_gradient_is_mgda_of_the_validation_objectives():
    found = FORUM(NAMES)(seen(rows=torch.zeros(3, N).double())).values
    rows = torch.stack([*held_out(torch.zeros(N).double()).values()])
    torch.testing.assert_close(found, 3 * shortest_in_hull(rows @ rows.T) @ rows, rtol=1e-6, atol=1e-8)
