"""Balancers that look at gradients, against TorchJD and plain implementations on the gradients themselves."""

import copy
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
import torchjd.aggregation as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchjd.aggregation import (
    ExcessMTLWeighting,
    FairGradWeighting,
    GradVacWeighting,
    MGDAWeighting,
    MoDoWeighting,
    PCGradWeighting,
    SDMGradWeighting,
)
from torchjd.linalg import QuadprogProjector

from polytask.balancing import Balancer, Direction, Evidence, Periodic, Smoothed, balancer_by_name
from polytask.balancing.methods import (
    DBMTL,
    IMTLG,
    MGDA,
    PCD,
    AlignedMTL,
    AutoLambda,
    CAGrad,
    ConFIG,
    DualProj,
    EqualWeights,
    ExcessMTL,
    FairGrad,
    GradNorm,
    GradVac,
    Krum,
    MetaBalance,
    MoCo,
    MoDo,
    NashMTL,
    PCGrad,
    SDMGrad,
    TrimmedMean,
    UPGrad,
)
from polytask.balancing.solvers.repair import repaired
from polytask.balancing.solvers.simplex import project_onto_simplex
from polytask.core import InputError, TrainingError

NAMES = ("a", "b", "c")


def rows_of(n: int = 3, seed: int = 0, *, steps: int = 1) -> Tensor:
    """Gradients of conflicting objectives, ``[objective, parameter]`` or ``[step, objective, parameter]``."""
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randn(steps, n, 12, generator=draw, dtype=torch.float64)
    rows = rows - 0.8 * rows.mean(1, keepdim=True)
    return rows[0] if steps == 1 else rows


def seen(rows: Tensor, names: Sequence[str] = NAMES, losses: Tensor | None = None) -> Evidence:
    values = torch.linspace(0.5, 2, len(rows), dtype=rows.dtype) if losses is None else losses
    return Evidence(tuple(names), values, lambda: rows, cross=lambda: rows @ rows.roll(1, 1).T)


def weights(balancer: Balancer, rows: Tensor, names: Sequence[str] = NAMES) -> Tensor:
    return balancer(seen(rows, names)).values.detach()


def test_upgrad_and_dual_proj_are_the_aggregators_of_torchjd_times_the_number_of_objectives():
    rows, exact = rows_of(), QuadprogProjector(reg_eps=1e-10)
    for ours, theirs in (
        (UPGrad(), reference.UPGrad(projector=exact)),
        (DualProj(), reference.DualProj(projector=exact)),
    ):
        torch.testing.assert_close(weights(ours, rows) @ rows, 3 * theirs(rows), rtol=1e-6, atol=1e-9)


def test_mgda_follows_the_shortest_vector_of_torchjd():
    rows = rows_of()
    theirs = MGDAWeighting(epsilon=1e-12, max_iters=100_000)(rows @ rows.T)
    torch.testing.assert_close(weights(MGDA(), rows), 3 * theirs, rtol=1e-3, atol=1e-3)


def test_fair_grad_has_the_direction_of_torchjd():
    rows = rows_of(3, 1) / 10
    theirs = FairGradWeighting(alpha=2.0)(rows @ rows.T)
    ours = weights(FairGrad(alpha=2.0), rows)
    torch.testing.assert_close(ours / ours.norm(), theirs / theirs.norm(), rtol=1e-5, atol=1e-8)


def test_nash_mtl_maximizes_the_product_of_gains_among_directions_of_its_length():
    rows = rows_of(3, 2)
    direction = weights(NashMTL(), rows) @ rows
    best = (rows @ direction).log().sum()
    draw = torch.Generator().manual_seed(0)
    for _ in range(200):
        other = direction + 0.05 * direction.norm() * torch.randn(12, generator=draw).double()
        other = other * direction.norm() / other.norm()
        gains = rows @ other
        assert not bool((gains > 0).all()) or gains.log().sum() <= best + 1e-9


def test_nash_mtl_is_never_equal_weights_in_disguise():
    rows = rows_of(4, 3) * torch.tensor([1.0, 10, 100, 1000]).double()[:, None]
    values = weights(NashMTL(), rows, "abcd")
    assert float(values.max() / values.min()) > 100
    torch.testing.assert_close(
        (rows @ rows.T @ values) * values, (rows.square().sum(1).mean()).expand(4), rtol=1e-6, atol=0
    )


def test_cagrad_helps_the_worst_off_objective_more_than_the_mean_does():
    rows = rows_of()
    update, plain = weights(CAGrad(c=0.5), rows) @ rows, weights(EqualWeights(), rows) @ rows
    assert (rows @ update).min() > (rows @ plain).min()


def test_cagrad_goes_as_far_from_the_sum_as_it_may():
    rows = rows_of()
    torch.testing.assert_close(weights(CAGrad(c=0), rows), torch.ones(3).double())
    away = (weights(CAGrad(c=0.3), rows) - 1) @ rows
    torch.testing.assert_close(away.norm(), 0.3 * rows.sum(0).norm(), rtol=1e-5, atol=0)


EQUAL_AT_THE_START = (
    "equal", "uncertainty", "dwa", "famo", "stch", "uw-so", "revised-uncertainty", "imtl-l", "cov", "slaw",
    "relobralo", "soft-adapt", "dtp", "cosmos", "pbi", "go4align", "gradnorm", "db-mtl", "meta-balance",
    "upgrad", "dual-proj", "mgda", "pcgrad", "gradvac", "nash-mtl", "fairgrad", "imtl-g", "aligned-mtl",
    "config", "cr-mogm", "psmgd", "modo", "sdmgrad", "excess-mtl",
)  # fmt: skip


@pytest.mark.parametrize("name", EQUAL_AT_THE_START)
def test_where_nothing_differs_and_nothing_conflicts_the_weights_are_one(name):
    rows = 2 * torch.eye(3, 5)
    evidence = Evidence(NAMES, torch.ones(3), lambda: rows, cross=lambda: rows @ rows.T)
    values = balancer_by_name(name, NAMES)(evidence).values
    torch.testing.assert_close(values.detach(), torch.ones(3), rtol=1e-4, atol=1e-4)


def test_config_has_the_same_cosine_to_every_gradient():
    rows = rows_of()
    direction = weights(ConFIG(), rows) @ rows
    cosines = (rows @ direction) / rows.norm(dim=1) / direction.norm()
    torch.testing.assert_close(cosines, cosines[:1].expand(3))
    assert float(cosines[0]) > 0


def surgery_by_rows(rows: Tensor, orders: Tensor, usual: Tensor, decay: float, *, vaccine: bool) -> Tensor:
    """PCGrad and GradVac as their papers write them, on the gradients, one pair at a time."""
    total = torch.zeros_like(rows[0])
    for t, others in enumerate(orders.tolist()):
        own = rows[t].clone()
        for s in others:
            cosine = own @ rows[s] / own.norm() / rows[s].norm()
            target = usual[t, s].clone() if vaccine else torch.tensor(0.0).double()
            if cosine < target:
                sine, target_sine = (1 - cosine**2).sqrt(), (1 - target**2).sqrt()
                factor = own.norm() * (target * sine - cosine * target_sine) / (rows[s].norm() * target_sine)
                own = own + factor * rows[s]
            usual[t, s] = (1 - decay) * usual[t, s] + decay * cosine
        total = total + own
    return total


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("vaccine", [False, True])
def test_repairing_all_gradients_at_once_equals_repairing_one_pair_at_a_time(n, vaccine):
    rows = rows_of(n)
    draw = np.random.default_rng(0)
    orders = torch.tensor([draw.permutation([s for s in range(n) if s != t]).tolist() for t in range(n)])
    usual = torch.full((n, n), 0.1 if vaccine else 0.0).double()
    coefficients, after = repaired(rows @ rows.T, orders, usual, decay=0.3 if vaccine else 0)
    slow = surgery_by_rows(rows, orders, usual, 0.3 if vaccine else 0, vaccine=vaccine)
    torch.testing.assert_close(coefficients.sum(0) @ rows, slow)
    torch.testing.assert_close(after, usual)  # changed in place by the slow one


def test_pcgrad_and_gradvac_of_two_objectives_equal_those_of_torchjd():
    rows = rows_of(2)
    torch.testing.assert_close(weights(PCGrad(), rows, "ab"), PCGradWeighting()(rows @ rows.T))
    ours, theirs = GradVac("ab", beta=0.5), GradVacWeighting(beta=0.5, eps=0)
    for step in rows_of(2, 5, steps=4):
        torch.testing.assert_close(weights(ours, step, "ab"), theirs(step @ step.T))


def test_pcgrad_draws_another_order_every_time():
    rows = rows_of(5)
    torch.manual_seed(0)
    assert not torch.equal(weights(PCGrad(), rows, "abcde"), weights(PCGrad(), rows, "abcde"))


def test_grad_norm_pulls_ahead_the_objective_that_falls_behind():
    balancer = GradNorm(NAMES, alpha=1.0).double()
    rows = torch.eye(3, 12).double()
    optimizer = torch.optim.SGD(balancer.parameters(), lr=0.05)
    for losses in ([1.0, 1.0, 1.0], [1.0, 0.5, 0.5], [1.0, 0.2, 0.2]):
        update = balancer(seen(rows, losses=torch.tensor(losses).double()))
        optimizer.zero_grad()
        update.regularizer.backward()
        optimizer.step()
    values = weights(balancer, rows)
    assert values[0] > values[1]
    torch.testing.assert_close(values.sum(), torch.tensor(3.0).double())


def test_grad_norm_trains_its_weights_by_the_slope_of_its_criterion():
    balancer = GradNorm(NAMES, alpha=1.5).double()
    rows, losses = rows_of(), torch.tensor([1.0, 2.0, 3.0]).double()
    balancer(seen(rows, losses=losses))
    later = losses * torch.tensor([0.9, 0.5, 0.7]).double()
    balancer(seen(rows, losses=later)).regularizer.backward()
    norms, rate = rows.norm(dim=1), (later / losses) / (later / losses).mean()
    target = norms.mean() * rate**1.5  # at weights of 1

    def criterion(logs: Tensor) -> Tensor:
        return (3 * logs.softmax(0) * norms - target).abs().sum()

    logs = torch.zeros(3).double().requires_grad_()
    criterion(logs).backward()
    torch.testing.assert_close(torch.stack([one.grad for one in balancer.log_weight.values]), logs.grad)


def test_grad_norm_names_the_objective_whose_first_loss_is_not_positive():
    with pytest.raises(TrainingError, match="the first of b is not"):
        GradNorm(NAMES)(seen(rows_of(), losses=torch.tensor([1.0, 0.0, 1.0])))


def test_db_mtl_makes_the_gradients_of_the_logarithms_equally_long():
    rows, losses = rows_of(), torch.tensor([0.1, 1.0, 10.0]).double()
    values = DBMTL(NAMES)(seen(rows, losses=losses)).values
    lengths = values * rows.norm(dim=1)
    torch.testing.assert_close(lengths, (rows.norm(dim=1) / losses).max().expand(3))


def test_db_mtl_with_running_gradients_follows_its_recursion():
    balancer = DBMTL(NAMES, beta=0.9, sigma=0.5)
    losses = torch.tensor([0.5, 1.0, 2.0]).double()
    running = torch.zeros(3, 12).double()
    for k, rows in enumerate(rows_of(3, 0, steps=4), start=1):
        kept = 0.9 / k**0.5 if k > 1 else 0.0
        running = kept * running + (1 - kept) * rows / losses[:, None]
        lengths = running.norm(dim=1)
        update = balancer(seen(rows, losses=losses))
        assert isinstance(update, Direction)
        torch.testing.assert_close(update.values, ((lengths.max() / lengths)[:, None] * running).sum(0))


def test_db_mtl_names_the_loss_that_has_no_logarithm():
    with pytest.raises(TrainingError, match="the loss of c is not positive"):
        DBMTL(NAMES)(seen(rows_of(), losses=torch.tensor([1.0, 1.0, 0.0])))


def test_meta_balance_brings_auxiliary_gradients_to_the_length_of_the_main_one():
    balancer = MetaBalance(NAMES, main="b", relax=1.0, beta=0.5).double()
    first, second = rows_of(3, 0, steps=2)
    weights(balancer, first)
    running = (first.norm(dim=1) + second.norm(dim=1)) / 2
    torch.testing.assert_close(weights(balancer, second), running[1] / running)


def test_meta_balance_with_half_the_relaxation_goes_half_the_way():
    rows = torch.diag(torch.tensor([1.0, 2.0, 4.0])).double()
    values = weights(MetaBalance(NAMES, main="a", relax=0.5).double(), rows)
    torch.testing.assert_close(values, torch.tensor([1.0, 0.75, 0.625]).double())


@pytest.mark.parametrize("tau", [0.0, 0.02, 0.5])
def test_pcd_equals_that_of_torchjd(tau):
    ours, theirs = PCD(NAMES, primary="a", tau=tau), reference.PCD(tau=tau)
    for rows in rows_of(3, 4, steps=4):
        torch.testing.assert_close(weights(ours, rows) @ rows, theirs(rows), rtol=1e-5, atol=1e-7)


def test_pcd_follows_the_primary_gradient_alone_where_the_others_exclude_each_other():
    rows = torch.tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]]).double()
    values = weights(PCD(NAMES, primary="a", tau=0.1), rows)
    torch.testing.assert_close(values, torch.tensor([1.0, 0.0, 0.0]).double())


def test_pcd_judges_an_objective_that_came_later_by_its_own_steps_alone():
    rows, balancer = rows_of(), PCD(NAMES, primary="a", tau=0.5)
    for _ in range(3):
        weights(balancer, rows[:2], "ab")
    torch.testing.assert_close(weights(balancer, rows), weights(PCD(NAMES, primary="a", tau=0.5), rows))


def test_pcd_without_the_primary_objective_is_the_plain_sum():
    values = weights(PCD(NAMES, primary="a"), rows_of(2), "bc")
    torch.testing.assert_close(values, torch.ones(2).double())


def test_modo_equals_that_of_torchjd():
    ours, theirs = MoDo(NAMES, gamma=0.1, rho=0.1), MoDoWeighting(gamma=0.1, rho=0.1)
    for rows in rows_of(3, 6, steps=4):
        expected = 3 * theirs(rows @ rows.roll(1, 1).T)
        torch.testing.assert_close(weights(ours, rows), expected, rtol=1e-6, atol=1e-9)


def test_sdmgrad_equals_that_of_torchjd():
    ours, theirs = SDMGrad(NAMES), SDMGradWeighting()
    for rows in rows_of(3, 7, steps=4):
        products = rows @ rows.T  # a positive diagonal, as of halves that agree
        update = ours(Evidence(NAMES, torch.ones(3).double(), lambda: rows_of(), cross=lambda p=products: p))
        torch.testing.assert_close(update.values, 3 * theirs(products), rtol=1e-4, atol=1e-5)


def test_moco_follows_its_recursion():
    balancer = MoCo(NAMES, beta=0.3, gamma=0.2, rho=0.1)
    steps = rows_of(3, 8, steps=4)
    running, share = steps[0].clone(), torch.full((3,), 1 / 3).double()
    for rows in steps:
        running = running - 0.3 * (running - rows)
        slope = running @ running.T @ share + 0.1 * share
        share = project_onto_simplex(share - 0.2 * slope)
        torch.testing.assert_close(balancer(seen(rows)).values, 3 * share @ running)


def test_moco_with_a_fixed_gradient_arrives_at_mgda():
    rows = rows_of()
    balancer = MoCo(NAMES, beta=1.0, gamma=0.01)
    for _ in range(3000):
        balancer(seen(rows))
    torch.testing.assert_close(weights(balancer, rows), weights(MGDA(), rows) @ rows, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("build", "shares"),
    [
        (lambda: MoDo(NAMES), lambda balancer: balancer.mixture.share),
        (lambda: SDMGrad(NAMES), lambda balancer: balancer.mixture.share),
        (lambda: MoCo(NAMES), lambda balancer: balancer.mixture.share),
        (lambda: ExcessMTL(NAMES), lambda balancer: balancer.log_weight.exp()),
    ],
    ids=["MoDo", "SDMGrad", "MoCo", "ExcessMTL"],
)
def test_an_absent_objective_keeps_its_share_and_the_others_the_sum_of_theirs(build, shares):
    balancer, steps = build(), rows_of(3, 12, steps=4)
    for rows in steps[:3]:
        balancer(seen(rows))
    before = shares(balancer).clone()
    assert not torch.allclose(before, before[[1, 2, 0]])
    weighed = balancer(seen(steps[3][[0, 2]], ("a", "c")))
    after = shares(balancer)
    torch.testing.assert_close(after[1], before[1])
    torch.testing.assert_close(after.sum(), before.sum())
    assert abs(float(after[0] - before[0])) > 1e-4
    if isinstance(weighed, Direction):
        share = after[[0, 2]] / after[[0, 2]].sum()
        torch.testing.assert_close(weighed.values, 2 * share @ balancer.running[[0, 2]])


def test_modo_steps_from_the_shares_of_the_objectives_present():
    balancer, steps = MoDo(NAMES, gamma=0.1), rows_of(3, 12, steps=2)
    balancer(seen(steps[0]))
    share = balancer.mixture.share[[0, 2]] / balancer.mixture.share[[0, 2]].sum()
    rows = steps[1][[0, 2]]
    expected = project_onto_simplex(share - 0.1 * (rows @ rows.roll(1, 1).T) @ share)
    torch.testing.assert_close(weights(balancer, rows, "ac"), 2 * expected)


def test_excess_mtl_equals_that_of_torchjd_after_a_warm_up():
    ours, theirs = (
        ExcessMTL(NAMES, rate=0.5, n_warmup_steps=2),
        ExcessMTLWeighting(robust_step_size=0.5, n_warmup_steps=2),
    )
    for rows in rows_of(3, 9, steps=5):
        torch.testing.assert_close(weights(ours, rows), 3 * theirs(rows), rtol=1e-4, atol=1e-4)


def test_auto_lambda_moves_by_the_derivative_of_the_validation_loss_after_the_step():
    rows, rate, lookahead = rows_of(), 1e-3, 0.2
    center = torch.linspace(-1, 1, 12).double()

    def validation_loss(values: Tensor) -> Tensor:
        return ((-lookahead * values @ rows - center) ** 2).sum()

    values = torch.ones(3).double().requires_grad_()
    (slope,) = torch.autograd.grad(validation_loss(values), values)
    evidence = Evidence(NAMES, torch.ones(3).double(), lambda: rows, validation=lambda d: 2 * (d - center))
    balancer = AutoLambda(NAMES, lookahead=lookahead, rate=rate)
    moved = balancer(evidence).values
    torch.testing.assert_close(moved, 1 - rate * slope.sign())  # Adam's first step
    torch.testing.assert_close(balancer.adam.moments[:, 0], 0.1 * slope)


def test_auto_lambda_takes_no_weight_below_zero_and_lets_it_come_back():
    rows, sign = torch.eye(3, 12).double(), torch.tensor([1.0])
    evidence = Evidence(
        NAMES, torch.ones(3).double(), lambda: rows, validation=lambda _: -sign * rows[0] + rows[1]
    )
    balancer = AutoLambda(NAMES, rate=0.3)
    values = torch.stack([balancer(evidence).values for _ in range(8)])
    assert float(values[3, 0]) == float(values[-1, 0]) == 0 and float(values[-1, 1]) > 2
    sign.neg_()
    for _ in range(30):
        balancer(evidence)
    assert float(balancer.weight[0]) > 1


def test_trimmed_mean_equals_that_of_torchjd():
    rows = rows_of(7)
    torch.testing.assert_close(
        weights(TrimmedMean(n_trimmed=2), rows, "abcdefg"),
        7 * reference.TrimmedMean(trim_number=2)(rows),
    )


def krum_by_rows(rows: Tensor, n_outliers: int, n_kept: int) -> Tensor:
    """Krum as its paper writes it, on the gradients, one at a time."""
    scores = []
    for t, own in enumerate(rows):
        squares = sorted(float((own - other).square().sum()) for u, other in enumerate(rows) if u != t)
        scores.append(sum(squares[: len(rows) - n_outliers - 2]))
    kept = sorted(range(len(rows)), key=scores.__getitem__)[:n_kept]
    return torch.tensor([len(rows) / n_kept if t in kept else 0.0 for t in range(len(rows))]).double()


@pytest.mark.parametrize(("n", "n_outliers", "n_kept"), [(6, 1, 1), (6, 2, 2), (7, 3, 3), (5, 0, 1)])
def test_krum_keeps_the_gradients_whose_nearest_neighbours_are_nearest_in_squares(n, n_outliers, n_kept):
    for seed in range(40):
        rows = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        values = weights(Krum(n_outliers=n_outliers, n_kept=n_kept), rows, "abcdefg"[:n])
        torch.testing.assert_close(values, krum_by_rows(rows, n_outliers, n_kept))


def test_among_few_objectives_krum_looks_at_one_neighbour():
    rows = torch.tensor([[0.0], [1.0], [3.0]]).double()
    assert weights(Krum(n_outliers=2, n_kept=2), rows).tolist() == [1.5, 1.5, 0.0]
    assert weights(Krum(), rows[:1], "a").tolist() == [1.0]
    assert weights(Krum(n_kept=5), rows).tolist() == [1.0, 1.0, 1.0]  # all that there are


def test_among_few_objectives_fewer_are_trimmed():
    rows = torch.tensor([[1.0, -2.0], [4.0, 6.0], [9.0, 0.0]]).double()
    for n, expected in ((1, [1.0, -2.0]), (2, [5.0, 4.0]), (3, [12.0, 0.0])):
        torch.testing.assert_close(
            weights(TrimmedMean(n_trimmed=4), rows[:n], "abc"[:n]), torch.tensor(expected).double()
        )


def of_lengths(n: int, m: int, seed: int, spread: float) -> Tensor:
    """Gradients of random directions whose lengths differ up to 10 to the power of `spread`-fold."""
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, m, generator=draw, dtype=torch.float64)
    exponents = torch.rand(n, 1, generator=draw, dtype=torch.float64)
    exponents[0], exponents[-1] = 0, 1
    return rows / rows.norm(dim=1, keepdim=True) * 10 ** (spread * (exponents - 0.5))


def cosines_of(balancer: Balancer, rows: Tensor) -> Tensor:
    update = weights(balancer, rows, "abcde"[: len(rows)]).double() @ rows.double()
    return rows.double() @ update / rows.double().norm(dim=1) / update.norm()


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 5), seed=st.integers(0, 10_000), spread=st.floats(0, 6))
def test_methods_that_hurt_no_objective_do_so_whatever_the_lengths(n, seed, spread):
    rows = of_lengths(n, n + 3, seed, spread)
    for build in (UPGrad, DualProj, MGDA, NashMTL, FairGrad, ConFIG, IMTLG):
        assert cosines_of(build(), rows).min() > -1e-5, build.__name__
        assert cosines_of(build(), rows.float()).min() > -1e-3, f"{build.__name__} in float32"
    assert cosines_of(PCGrad(), rows[:2]).min() > -1e-7  # what PCGrad promises for two


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 5), seed=st.integers(0, 10_000), spread=st.floats(0, 6))
def test_methods_of_equal_cosines_keep_them_equal_whatever_the_lengths(n, seed, spread):
    rows = of_lengths(n, n + 3, seed, spread)
    for build in (ConFIG, IMTLG):
        for given_rows, tolerance in ((rows, 1e-9), (rows.float(), 1e-3)):
            found = cosines_of(build(), given_rows)
            assert float(found.max() - found.min()) < tolerance and float(found.min()) > 0


def test_imtl_g_is_that_of_torchjd_where_its_weights_have_a_positive_sum():
    sums = []
    for seed in range(20):
        rows = of_lengths(4, 9, seed, 2.0)
        theirs, ours = 4 * reference.IMTLGWeighting()(rows @ rows.T), weights(IMTLG(), rows, "abcd")
        sums.append(float(ours.sum()))
        torch.testing.assert_close(ours, theirs * (1 if sums[-1] > 0 else -1), rtol=1e-8, atol=1e-9)
    assert {round(each, 6) for each in sums} == {4.0, -4.0}


@pytest.mark.parametrize("spread", [0.0, 2.0, 4.0])
def test_aligned_mtl_is_that_of_torchjd_in_float32_too(spread):
    for seed in range(5):
        rows = of_lengths(4, 9, seed, spread)
        theirs = 4 * reference.AlignedMTL()(rows)
        torch.testing.assert_close(weights(AlignedMTL(), rows, "abcd") @ rows, theirs, rtol=1e-6, atol=0)
        single = weights(AlignedMTL(), rows.float(), "abcd").double() @ rows
        assert float((single - theirs).norm() / theirs.norm()) < 1e-4


def test_aligned_mtl_counts_a_repeated_gradient_once():
    rows = torch.randn(3, 9, generator=torch.Generator().manual_seed(0))
    twice = rows[[0, 1, 1, 2]] * torch.tensor([1.0, 1.0, 1e-3, 1.0])[:, None]
    update = weights(AlignedMTL(), twice, "abcd") @ twice
    alone = reference.AlignedMTL()(rows.double()).float() * 3
    assert float(torch.cosine_similarity(update, alone, dim=0)) > 0.95
    assert float(update.norm() / alone.norm()) > 0.5


def test_smoothed_weights_follow_by_a_running_mean_and_an_absent_one_stays():
    balancer = Smoothed(MGDA(), NAMES, alpha=0.5).double()
    first, second = rows_of(3, 0, steps=2)
    before = weights(balancer, first)
    torch.testing.assert_close(before, weights(MGDA(), first))
    after = weights(balancer, second[[0, 2]], ("a", "c"))
    expected = (before[[0, 2]] + weights(MGDA(), second[[0, 2]], "ac")) / 2
    torch.testing.assert_close(after, expected)
    torch.testing.assert_close(balancer.weight[1], before[1])


def test_periodic_weights_cost_no_gradients_in_between():
    asked: list[int] = []

    def counted(step: int) -> Tensor:
        asked.append(step)
        return rows_of()

    balancer = Periodic(MGDA(), NAMES, every=3)
    for step in range(8):
        balancer(Evidence(NAMES, torch.ones(3), lambda step=step: counted(step)))
    assert asked == [0, 3, 6]


def test_periodic_weights_are_asked_for_at_once_for_an_objective_without():
    balancer = Periodic(MGDA(), NAMES, every=100)
    weights(balancer, rows_of(2), "ab")
    values = weights(balancer, rows_of(3))
    torch.testing.assert_close(values, weights(MGDA(), rows_of(3)).float().double(), rtol=1e-5, atol=1e-6)


def test_a_direction_cannot_be_smoothed():
    with pytest.raises(InputError, match="MoCo answers with a direction"):
        weights(Smoothed(MoCo(NAMES), NAMES), rows_of())


STATEFUL: dict[str, Callable[[], Balancer]] = {
    "GradVac": lambda: GradVac(NAMES),
    "DBMTL": lambda: DBMTL(NAMES, beta=0.9),
    "MoCo": lambda: MoCo(NAMES),
    "ExcessMTL": lambda: ExcessMTL(NAMES),
    "PCD": lambda: PCD(NAMES, primary="a"),
    "MoDo": lambda: MoDo(NAMES),
    "MetaBalance": lambda: MetaBalance(NAMES, main="a"),
    "Periodic": lambda: Periodic(MGDA(), NAMES, every=3),
}


@pytest.mark.parametrize("name", STATEFUL)
def test_a_run_resumed_from_saved_state_goes_on_as_if_it_had_never_stopped(name):
    steps = rows_of(3, 11, steps=5)
    whole, first = STATEFUL[name](), STATEFUL[name]()
    for rows in steps[:3]:
        torch.manual_seed(0)
        whole(seen(rows))
        torch.manual_seed(0)
        first(seen(rows))
    second = STATEFUL[name]()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for rows in steps[3:]:
        torch.manual_seed(0)
        expected = whole(seen(rows)).values
        torch.manual_seed(0)
        torch.testing.assert_close(second(seen(rows)).values, expected)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: UPGrad(regularization=0), "`regularization` must be positive"),
        (lambda: CAGrad(c=1), "`c` must be at least 0 and below 1"),
        (lambda: FairGrad(alpha=0), "`alpha` must be positive"),
        (lambda: GradVac(NAMES, beta=2), "`beta` must be from 0 to 1"),
        (lambda: GradNorm(NAMES, alpha=-1), "`alpha` must not be negative"),
        (lambda: DBMTL(NAMES, beta=1), "`beta` must be at least 0 and below 1"),
        (lambda: MetaBalance(NAMES, main="z"), "MetaBalance does not know z"),
        (lambda: PCD(NAMES, primary="z"), "PCD does not know z"),
        (lambda: PCD(NAMES, primary="a", tau=2), "`tau` is from 0 to 1"),
        (lambda: MoDo(NAMES, gamma=0), "`gamma` must be positive"),
        (lambda: SDMGrad(NAMES, n_steps=0), "n_steps >= 1"),
        (lambda: MoCo(NAMES, beta=0), r"beta in \(0, 1\]"),
        (lambda: ExcessMTL(NAMES, rate=0), "`rate` must be positive"),
        (lambda: AutoLambda(NAMES, rate=0), "must be positive"),
        (lambda: TrimmedMean(n_trimmed=-1), "`n_trimmed` must not be negative"),
        (lambda: Krum(n_kept=0), "`n_kept` at least 1"),
        (lambda: Smoothed(MGDA(), NAMES, alpha=1), "`alpha` must be at least 0"),
        (lambda: Periodic(MGDA(), NAMES, every=0), "`every` must be at least 1"),
    ],
)
def test_a_setting_out_of_range_is_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()
