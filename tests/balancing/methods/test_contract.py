"""What all balancers promise: a row for each that does."""

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.balancing.methods.gradients import NAMES, cosines_of, of_lengths, rows_of, seen
from torch import Tensor

from polytask.balancing import Balancer, Direction, Evidence, Periodic, balancer_by_name
from polytask.balancing.methods import (
    COSMOS,
    DBMTL,
    DWA,
    IMTLG,
    MGDA,
    PBI,
    PCD,
    RLW,
    SLAW,
    STCH,
    ConFIG,
    CoVWeighting,
    DualProj,
    ExcessMTL,
    FairGrad,
    FixedWeights,
    GradVac,
    MetaBalance,
    MoCo,
    MoDo,
    NashMTL,
    PCGrad,
    ReLoBRaLo,
    SDMGrad,
    SoftAdapt,
    UPGrad,
)
from polytask.balancing.methods.imtl_l import IMTLL
from polytask.balancing.methods.ldc_mtl import LDCMTL
from polytask.balancing.methods.revised_uncertainty import RevisedUncertaintyWeighting
from polytask.checks import check_balancer
from polytask.core.random import numpy_generator

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


PREFERENCE = {"a": 1.0, "b": 3.0, "c": 0.5}
LOSSES = torch.tensor([1.5, 0.7, 2.0]).double()
HISTORY = numpy_generator(0, "losses").uniform(0.2, 2.0, size=(12, 3)) * [1.0, 50.0, 0.01]


def shown(losses: Sequence[float] | Tensor, names: Sequence[str] = NAMES) -> Evidence:
    """Show losses alone, as far as they go by these names."""
    values = torch.as_tensor(losses, dtype=torch.float64)
    return Evidence(tuple(names)[: len(values)], values, torch.Tensor)


@pytest.mark.parametrize(
    "build",
    [CoVWeighting, SLAW, ReLoBRaLo, lambda names: SoftAdapt(names, window=2)],
    ids=["CoVWeighting", "SLAW", "ReLoBRaLo", "SoftAdapt"],
)
def test_an_absent_objective_keeps_its_state(build):
    balancer = build(NAMES).double()
    for losses in HISTORY:
        balancer(shown(losses))
    before = {name: value[1].clone() for name, value in balancer.state_dict().items()}
    for _ in range(5):
        balancer(shown([1.0, 2.0], ("a", "c")))
    assert all(torch.equal(value[1], before[name]) for name, value in balancer.state_dict().items())


@pytest.mark.parametrize("method", [RevisedUncertaintyWeighting, IMTLL])
def test_an_absent_objective_gets_no_gradient(method):
    balancer, evidence = method(NAMES).double(), shown([1.5, 2.0], ("a", "c"))
    update = balancer(evidence)
    ((update.values * evidence.losses).sum() + update.regularizer).backward()
    assert [parameter.grad is not None for parameter in balancer.parameters()] == [True, False, True]


@pytest.mark.parametrize("method", [RevisedUncertaintyWeighting, IMTLL, LDCMTL])
def test_the_momentum_of_adam_does_not_move_an_absent_objective(method):
    balancer = method(NAMES).double()
    optimizer = torch.optim.Adam(balancer.parameters(), lr=0.1)
    found = []
    for names in (NAMES, NAMES, ("a", "c"), ("a", "c")):
        losses = torch.linspace(2.0, 3.0, len(names), dtype=torch.float64) ** (len(found) + 1)
        update = balancer(shown(losses, names))
        optimizer.zero_grad()
        ((update.values * losses).sum() + (update.regularizer or 0)).backward()
        optimizer.step()
        found.append([parameter.item() for parameter in balancer.parameters()])
    moved = [[now != then for now, then in zip(*pair, strict=True)] for pair in pairwise(found)]
    assert moved == [[True, True, True], [True, False, True], [True, False, True]]


@pytest.mark.parametrize("method", [COSMOS, PBI])
def test_without_penalty_the_weights_are_the_preference_scaled_to_sum_to_the_number(method):
    preference = np.array(list(PREFERENCE.values()))
    weights = method(PREFERENCE, penalty=0.0).double()(shown(LOSSES)).values
    np.testing.assert_allclose(weights.numpy(), 3 * preference / preference.sum())


@pytest.mark.parametrize("method", [COSMOS, PBI])
def test_absent_objectives_leave_the_others_their_preference(method):
    weights = method(PREFERENCE, penalty=0.0).double()(shown(LOSSES[:2], ("b", "c"))).values
    np.testing.assert_allclose(weights.numpy(), [2 * 3.0 / 3.5, 2 * 0.5 / 3.5])


OPTIONS: dict[str, tuple[Callable[[Sequence[str]], Balancer], bool]] = {
    "COSMOS of half the penalty": (lambda names: COSMOS(dict.fromkeys(names, 1.0), penalty=0.5), False),
    "DWA of one step": (lambda names: DWA(names, window=1), True),
    "FixedWeights": (lambda names: FixedWeights(dict.fromkeys(names, 0.5)), True),
    "LDCMTL of losses as they are": (lambda names: LDCMTL(names, normalize=False), True),
    "RLW, dirichlet": (lambda names: RLW(distribution="dirichlet"), True),
    "RLW, uniform": (lambda names: RLW(distribution="uniform"), True),
    "STCH of a short warm-up": (lambda names: STCH(names, warm_up=1), True),
    "SoftAdapt of one step": (lambda names: SoftAdapt(names, window=1), True),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_contract_is_kept_with_other_options(name):
    """With those of the catalogue it is checked beside everything else."""
    build, positive = OPTIONS[name]
    check_balancer(build, positive=positive)
