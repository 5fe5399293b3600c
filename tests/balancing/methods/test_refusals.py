"""What balancers refuse, and what they name: settings, losses and objectives."""

from collections.abc import Callable

import pytest
import torch
from tests.balancing.methods import held_out
from tests.balancing.methods.gradients import NAMES, rows_of, seen

from polytask.balancing import Balancer, Evidence, Periodic, Smoothed
from polytask.balancing.methods import (
    COSMOS,
    DBMTL,
    DTP,
    DWA,
    FAMO,
    FORUM,
    IMTLL,
    LDCMTL,
    MGDA,
    MOML,
    PBI,
    PCD,
    RLW,
    SLAW,
    STCH,
    AutoLambda,
    CAGrad,
    CoVWeighting,
    ExcessMTL,
    FairGrad,
    FixedWeights,
    GO4Align,
    GradNorm,
    GradVac,
    Krum,
    MetaBalance,
    MoCo,
    MoDo,
    ReLoBRaLo,
    RevisedUncertaintyWeighting,
    ScaleInvariant,
    SDMGrad,
    SoftAdapt,
    SoftUncertaintyWeighting,
    TrimmedMean,
    UncertaintyWeighting,
    UPGrad,
)
from polytask.core import InputError, TrainingError

ONE_OF_EACH = {"a": 1.0, "b": 3.0, "c": 0.5}


def ask(balancer: Balancer, losses: list[float], names: tuple[str, ...] = NAMES, *, n_times: int = 1) -> None:
    for _ in range(n_times):
        balancer(Evidence(names[: len(losses)], torch.tensor(losses).double(), torch.Tensor))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: AutoLambda(NAMES, rate=0), "must be positive"),
        (lambda: CAGrad(c=1), "`c` must be at least 0 and below 1"),
        (lambda: COSMOS({"a": 1, "b": 0}, penalty=-1), "COSMOS: `preference` of b .* `penalty` must be"),
        (lambda: DBMTL(NAMES, beta=1), "`beta` must be at least 0 and below 1"),
        (lambda: DTP(NAMES, focus=-1), "DTP needs `focus` >= 0 and 0 < `smoothing` <= 1"),
        (lambda: DTP(NAMES, smoothing=0), "DTP needs `focus` >= 0 and 0 < `smoothing` <= 1"),
        (lambda: DTP(NAMES, smoothing=1.5), "DTP needs `focus` >= 0 and 0 < `smoothing` <= 1"),
        (lambda: DTP(NAMES).report("b", -0.1), "The KPI of b must be from 0 to 1"),
        (lambda: DTP(NAMES).report("b", 1.1), "The KPI of b must be from 0 to 1"),
        (lambda: DTP(NAMES).report("b", float("nan")), "The KPI of b must be from 0 to 1"),
        (lambda: DWA(NAMES, temperature=0), "`temperature` of DWA must be above 0"),
        (lambda: DWA(NAMES, window=0), "`window` must be at"),
        (lambda: ExcessMTL(NAMES, rate=0), "`rate` must be positive"),
        (lambda: FAMO(NAMES, learning_rate=-1), "must be at least 0"),
        (lambda: FAMO(NAMES, decay=-1), "must be at least 0"),
        (lambda: FORUM(NAMES, rho=0), "`lookahead`, `rho` and `rate` must be positive; got 0.1, 0 and"),
        (lambda: FORUM(NAMES, rate=0), "got 0.1, 0.1 and 0"),
        (lambda: FORUM(NAMES, lookahead=0), "got 0, "),
        (lambda: FairGrad(alpha=0), "`alpha` must be positive"),
        (lambda: FixedWeights({}), "FixedWeights needs the distinct names"),
        (lambda: FixedWeights({"a": 1.0, "b": -1.0}), r"must be finite and at least 0: b \("),
        (lambda: FixedWeights({"a": 1.0, "b": float("nan")}), r"must be finite and at least 0: b \("),
        (lambda: FixedWeights({"a": 1.0, "b": float("inf")}), r"must be finite and at least 0: b \("),
        (lambda: GO4Align(NAMES, n_groups=0), "GO4Align needs `n_groups` >= 1 and `temperature` >= 0"),
        (lambda: GO4Align(NAMES, temperature=-1), "GO4Align needs `n_groups` >= 1 and `temperature` >= 0"),
        (lambda: GradNorm(NAMES, alpha=-1), "`alpha` must not be negative"),
        (lambda: GradVac(NAMES, beta=2), "`beta` must be from 0 to 1"),
        (lambda: Krum(n_kept=0), "`n_kept` at least 1"),
        (lambda: LDCMTL(NAMES, penalty=-1, scale="twos"), "LDCMTL: `penalty` must be .* `scale` is 'twos'"),
        (lambda: MOML(NAMES, lookahead=0), "must be positive; got 0 and 0.001"),
        (lambda: MOML(NAMES, rate=-1), "got 0.1 and -1"),
        (lambda: MoCo(NAMES, beta=0), r"beta in \(0, 1\]"),
        (lambda: MoDo(NAMES, gamma=0), "`gamma` must be positive"),
        (lambda: PBI({"a": 1, "b": 0}, penalty=-1), "PBI: `preference` of b .* `penalty` must be"),
        (lambda: PCD(NAMES, primary="a", tau=2), "`tau` is from 0 to 1"),
        (lambda: Periodic(MGDA(), NAMES, every=0), "`every` must be at least 1"),
        (lambda: RLW(distribution="cauchy"), "no distribution 'cauchy'; there are normal"),
        (lambda: ReLoBRaLo(NAMES, temperature=0), "ReLoBRaLo needs `temperature` > 0, and `smoothing`"),
        (lambda: ReLoBRaLo(NAMES, smoothing=1.1), "ReLoBRaLo needs `temperature` > 0, and `smoothing`"),
        (lambda: ReLoBRaLo(NAMES, remembering=-0.1), "ReLoBRaLo needs `temperature` > 0, and `smoothing`"),
        (lambda: SDMGrad(NAMES, n_steps=0), "n_steps >= 1"),
        (lambda: SLAW(NAMES, smoothing=1), "SLAW needs 0 <= `smoothing` < 1 and `minimum` > 0"),
        (lambda: SLAW(NAMES, smoothing=-0.1), "SLAW needs 0 <= `smoothing` < 1 and `minimum` > 0"),
        (lambda: SLAW(NAMES, minimum=0), "SLAW needs 0 <= `smoothing` < 1 and `minimum` > 0"),
        (
            lambda: STCH(NAMES, smoothing=0, warm_up=0, preference={"a": 0}),
            "`smoothing` must .* `warm_up` must .* `preference` of a must",
        ),
        (lambda: Smoothed(MGDA(), NAMES, alpha=1), "`alpha` must be at least 0"),
        (lambda: SoftAdapt(NAMES, variant="plus"), "SoftAdapt has no variant 'plus'; there are original"),
        (
            lambda: SoftUncertaintyWeighting(temperature=0),
            "`temperature` of SoftUncertaintyWeighting must be above 0",
        ),
        (lambda: TrimmedMean(n_trimmed=-1), "`n_trimmed` must not be negative"),
        (lambda: UPGrad(regularization=0), "`regularization` must be positive"),
    ],
)
def test_a_setting_out_of_range_is_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()


@pytest.mark.parametrize(
    ("ask_for_z", "name"),
    [
        (lambda: ask(COSMOS(ONE_OF_EACH), [1.0], ("z",)), "COSMOS"),
        (lambda: DTP(NAMES).report("z", 0.5), "DTP"),
        (lambda: ask(DWA(NAMES), [1.0], ("z",)), "DWA"),
        (lambda: FAMO(NAMES, lower_bounds={"z": 0.0}), "FAMO"),
        (lambda: FORUM(NAMES)(held_out.seen(names=("a", "b", "z"))), "FORUM"),
        (lambda: ask(FixedWeights({"a": 1.0}), [1.0], ("z",)), "FixedWeights"),
        (lambda: ask(IMTLL(NAMES), [1.0], ("z",)), "IMTLL"),
        (lambda: MOML(NAMES)(held_out.seen(names=("a", "b", "z"))), "MOML"),
        (lambda: MetaBalance(NAMES, main="z"), "MetaBalance"),
        (lambda: ask(PBI(ONE_OF_EACH), [1.0], ("z",)), "PBI"),
        (lambda: PCD(NAMES, primary="z"), "PCD"),
        (lambda: ask(RevisedUncertaintyWeighting(NAMES), [1.0], ("z",)), "RevisedUncertaintyWeighting"),
        (lambda: ask(UncertaintyWeighting(["a"]), [1.0], ("z",)), "UncertaintyWeighting"),
    ],
)
def test_an_unknown_objective_is_named(ask_for_z: Callable[[], object], name: str) -> None:
    with pytest.raises(InputError, match=f"{name} does not know z"):
        ask_for_z()


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (lambda: ask(CoVWeighting(NAMES), [1, -2, 1]), r"CoVWeighting needs a positive loss .* b \(-2\)"),
        (
            lambda: DBMTL(NAMES)(seen(rows_of(), losses=torch.tensor([1.0, 1.0, 0.0]))),
            "the loss of c is not positive",
        ),
        (lambda: ask(DTP(NAMES), [1, 0, -1]), r"DTP needs a non-negative loss .* c \(-1\)"),
        (
            lambda: ask(DWA(NAMES, window=1).double(), [1, 0, 1], n_times=3),
            r"DWA needs a positive average loss .* b \(0\)",
        ),
        (
            lambda: ask(FAMO(NAMES, lower_bounds={"b": 1.0}), [1, 1, 1]),
            r"FAMO needs a positive distance .* b \(0\)",
        ),
        (lambda: ask(GO4Align(NAMES), [1, 0]), r"GO4Align needs a positive loss .* b \(0\)"),
        (
            lambda: GradNorm(NAMES)(seen(rows_of(), losses=torch.tensor([1.0, 0.0, 1.0]))),
            "the first of b is not",
        ),
        (lambda: ask(LDCMTL(NAMES), [1, 0, 1]), r"LDCMTL needs a positive first loss .* b \(0\)"),
        (lambda: ask(ReLoBRaLo(NAMES), [1, 0, 1]), r"ReLoBRaLo needs a positive loss .* b \(0\)"),
        (lambda: ask(STCH(NAMES), [1, 1, 0]), r"STCH needs a positive loss .* c \(0\)"),
        (lambda: ask(ScaleInvariant(), [0, 1]), r"ScaleInvariant needs a positive loss .* a \(0\)"),
        (
            lambda: ask(SoftAdapt(NAMES, window=1, variant="loss-weighted").double(), [1, -1, 1], n_times=3),
            r"SoftAdapt needs a positive average loss .* b \(-1\)",
        ),
        (
            lambda: ask(SoftUncertaintyWeighting(), [1, -1, 1]),
            r"SoftUncertaintyWeighting needs a positive loss .* b \(-1\)",
        ),
    ],
)
def test_a_loss_that_a_method_cannot_take_is_named(look: Callable[[], object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        look()
