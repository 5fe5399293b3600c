"""Balancers by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torchjd.aggregation as aggregation
import torchjd.scalarization as scalarization

from polytask.balancing.aligned_mtl import AlignedMTL
from polytask.balancing.auto_lambda import AutoLambda
from polytask.balancing.balancer import Balancer, Needs
from polytask.balancing.bargaining import FairGrad, NashMTL
from polytask.balancing.cagrad import CAGrad
from polytask.balancing.coefficient_of_variation import CoVWeighting
from polytask.balancing.conflict_free import ConFIG
from polytask.balancing.double_sampling import MoDo, SDMGrad
from polytask.balancing.dwa import DWA
from polytask.balancing.dynamic_priority import DTP
from polytask.balancing.equal import EqualWeights
from polytask.balancing.excess_risk import ExcessMTL
from polytask.balancing.famo import FAMO
from polytask.balancing.forum import FORUM
from polytask.balancing.from_torchjd import Aggregated, Scalarized
from polytask.balancing.go4align import GO4Align
from polytask.balancing.gradnorm import GradNorm
from polytask.balancing.imtl_g import IMTLG
from polytask.balancing.imtl_l import IMTLL
from polytask.balancing.kept_weights import Periodic, Smoothed
from polytask.balancing.log_gradients import DBMTL
from polytask.balancing.loss_discrepancy import LDCMTL
from polytask.balancing.meta_balance import MetaBalance
from polytask.balancing.mgda import MGDA
from polytask.balancing.moco import MoCo
from polytask.balancing.moml import MOML
from polytask.balancing.preference import COSMOS, PBI
from polytask.balancing.priority import PCD
from polytask.balancing.random_loss import RLW
from polytask.balancing.relative_balancing import ReLoBRaLo
from polytask.balancing.revised_uncertainty import RevisedUncertaintyWeighting
from polytask.balancing.robust import Krum, TrimmedMean
from polytask.balancing.scale_invariant import ScaleInvariant
from polytask.balancing.slaw import SLAW
from polytask.balancing.smooth_tchebycheff import STCH
from polytask.balancing.soft_adapt import SoftAdapt
from polytask.balancing.soft_uncertainty import SoftUncertaintyWeighting
from polytask.balancing.surgery import GradVac, PCGrad
from polytask.balancing.uncertainty import UncertaintyWeighting
from polytask.balancing.upgrad import DualProj, UPGrad
from polytask.core import InputError, by_door, name_problem

__all__ = ["BalancerEntry", "balancer_by_name", "balancer_entries", "balancer_listing", "balancer_names"]


@dataclass(frozen=True, slots=True)
class BalancerEntry:
    """A method of the catalogue.

    Args:
        build: Makes it for objectives of these names.
        needs: What it looks at.
        source: Where it comes from.
    """

    build: Callable[[Sequence[str]], Balancer]
    needs: Needs
    source: str


_BALANCERS: Mapping[str, BalancerEntry] = {
    "equal": BalancerEntry(lambda _: EqualWeights(), "nothing", "the plain sum"),
    "uncertainty": BalancerEntry(
        UncertaintyWeighting, "losses", "Kendall, Gal, Cipolla, CVPR 2018, arXiv:1705.07115"
    ),
    "geometric-mean": BalancerEntry(
        lambda _: Scalarized(scalarization.GeometricMean()),
        "losses",
        "Chennupati et al., CVPR Workshops 2019, arXiv:1904.08492",
    ),
    "random": BalancerEntry(lambda _: RLW(), "nothing", "Lin et al., TMLR 2022, arXiv:2111.10603"),
    "dwa": BalancerEntry(DWA, "losses", "Liu, Johns, Davison, CVPR 2019, arXiv:1803.10704"),
    "famo": BalancerEntry(FAMO, "losses", "Liu et al., NeurIPS 2023, arXiv:2306.03792"),
    "stch": BalancerEntry(STCH, "losses", "Lin et al., ICML 2024, arXiv:2402.19078"),
    "uw-so": BalancerEntry(
        lambda _: SoftUncertaintyWeighting(), "losses", "Kirchdorfer et al., GCPR 2024, arXiv:2408.07985"
    ),
    "revised-uncertainty": BalancerEntry(
        RevisedUncertaintyWeighting, "losses", "Liebel, Körner, 2018, arXiv:1805.06334"
    ),
    "imtl-l": BalancerEntry(IMTLL, "losses", "Liu et al., ICLR 2021"),
    "scale-invariant": BalancerEntry(
        lambda _: ScaleInvariant(), "losses", "the baseline SI of Navon et al., ICML 2022, arXiv:2202.01017"
    ),
    "cov": BalancerEntry(CoVWeighting, "losses", "Groenendijk et al., WACV 2021, arXiv:2009.01717"),
    "slaw": BalancerEntry(SLAW, "losses", "Crawshaw, Košecká, 2021, arXiv:2109.08218"),
    "relobralo": BalancerEntry(ReLoBRaLo, "losses", "Bischof, Kraus, 2021, arXiv:2110.09813"),
    "soft-adapt": BalancerEntry(SoftAdapt, "losses", "Heydari et al., 2019, arXiv:1912.12355"),
    "dtp": BalancerEntry(DTP, "losses", "Guo et al., ECCV 2018"),
    "cosmos": BalancerEntry(
        lambda names: COSMOS(dict.fromkeys(names, 1.0)),
        "losses",
        "Ruchte, Grabocka, ICDM 2021, arXiv:2103.13392",
    ),
    "pbi": BalancerEntry(lambda names: PBI(dict.fromkeys(names, 1.0)), "losses", "Zhang, Li, TEVC 2007"),
    "go4align": BalancerEntry(GO4Align, "losses", "Shen et al., NeurIPS 2024, arXiv:2404.06486"),
    "ldc-mtl": BalancerEntry(LDCMTL, "losses", "Xiao et al., 2025, arXiv:2502.08585"),
    "gradnorm": BalancerEntry(GradNorm, "gramian", "Chen et al., ICML 2018, arXiv:1711.02257"),
    "db-mtl": BalancerEntry(DBMTL, "gramian", "Lin et al., 2023, arXiv:2308.12029"),
    "db-mtl-running": BalancerEntry(
        lambda names: DBMTL(names, beta=0.9), "jacobian", "Lin et al., 2023, arXiv:2308.12029"
    ),
    "meta-balance": BalancerEntry(
        lambda names: MetaBalance(names, main=names[0]), "gramian", "He et al., WWW 2022, arXiv:2203.06801"
    ),
    "upgrad": BalancerEntry(lambda _: UPGrad(), "gramian", "Quinton, Rey, 2024, arXiv:2406.16232"),
    "dual-proj": BalancerEntry(
        lambda _: DualProj(), "gramian", "Lopez-Paz, Ranzato, NIPS 2017, arXiv:1706.08840"
    ),
    "mgda": BalancerEntry(lambda _: MGDA(), "gramian", "Sener, Koltun, NeurIPS 2018, arXiv:1810.04650"),
    "pcgrad": BalancerEntry(lambda _: PCGrad(), "gramian", "Yu et al., NeurIPS 2020, arXiv:2001.06782"),
    "gradvac": BalancerEntry(GradVac, "gramian", "Wang et al., ICLR 2021, arXiv:2010.05874"),
    "cagrad": BalancerEntry(lambda _: CAGrad(), "gramian", "Liu et al., NeurIPS 2021, arXiv:2110.14048"),
    "nash-mtl": BalancerEntry(lambda _: NashMTL(), "gramian", "Navon et al., ICML 2022, arXiv:2202.01017"),
    "fairgrad": BalancerEntry(lambda _: FairGrad(), "gramian", "Ban, Ji, ICML 2024, arXiv:2402.15638"),
    "imtl-g": BalancerEntry(lambda _: IMTLG(), "gramian", "Liu et al., ICLR 2021"),
    "aligned-mtl": BalancerEntry(
        lambda _: AlignedMTL(), "gramian", "Senushkin et al., CVPR 2023, arXiv:2305.19000"
    ),
    "config": BalancerEntry(lambda _: ConFIG(), "gramian", "Liu et al., ICLR 2025, arXiv:2408.11104"),
    "pcd": BalancerEntry(
        lambda names: PCD(names, primary=names[0]), "gramian", "TMLR 2026, arXiv:2606.29521"
    ),
    "krum": BalancerEntry(lambda _: Krum(), "gramian", "Blanchard et al., NIPS 2017"),
    "cr-mogm": BalancerEntry(
        lambda names: Smoothed(MGDA(), names), "gramian", "Zhou et al., NeurIPS 2022 (around MGDA)"
    ),
    "psmgd": BalancerEntry(
        lambda names: Periodic(MGDA(), names), "gramian", "Xu et al., AAAI 2025, arXiv:2412.10961"
    ),
    "modo": BalancerEntry(MoDo, "cross", "Chen et al., NeurIPS 2023, arXiv:2305.20057"),
    "sdmgrad": BalancerEntry(SDMGrad, "cross", "Xiao, Ban, Ji, NeurIPS 2023, arXiv:2305.18409"),
    "grad-drop": BalancerEntry(
        lambda _: Aggregated(aggregation.GradDrop(), mean=False),
        "jacobian",
        "Chen et al., NeurIPS 2020, arXiv:2010.06808",
    ),
    "moco": BalancerEntry(MoCo, "jacobian", "Fernando et al., ICLR 2023, arXiv:2210.12624"),
    "excess-mtl": BalancerEntry(ExcessMTL, "jacobian", "He et al., ICML 2024, arXiv:2402.02009"),
    "trimmed-mean": BalancerEntry(
        lambda _: TrimmedMean(), "jacobian", "Yin et al., ICML 2018, arXiv:1803.01498"
    ),
    "auto-lambda": BalancerEntry(AutoLambda, "validation", "Liu et al., TMLR 2022, arXiv:2202.03091"),
    "forum": BalancerEntry(FORUM, "validation", "Ye et al., ECAI 2024, arXiv:2401.09257"),
    "moml": BalancerEntry(MOML, "validation", "Ye et al., NeurIPS 2021, arXiv:2102.07121"),
}


def balancer_names() -> tuple[str, ...]:
    """Return the names that `balancer_by_name` knows."""
    return tuple(_BALANCERS)


def balancer_entries() -> Mapping[str, BalancerEntry]:
    """Return the whole catalogue: what each method needs, and its source.

    Example:
        >>> balancer_entries()["mgda"].needs
        'gramian'
    """
    return dict(_BALANCERS)


def balancer_by_name(name: str, objectives: Sequence[str]) -> Balancer:
    """Build a balancer for objectives of these names.

    Raises:
        InputError: No balancer has this name.

    Example:
        >>> type(balancer_by_name("uncertainty", ["a", "b"])).__name__
        'UncertaintyWeighting'
    """
    if name not in _BALANCERS:
        what = f"No balancer is called {name!r}"
        raise InputError(name_problem(what, name, _BALANCERS, listing=balancer_listing()) + ".")
    return _BALANCERS[name].build(objectives)


def balancer_listing() -> str:
    """Say what lists the names, where the message is read."""
    return by_door(python="`polytask.balancing.balancer_names()`", command="`polytask methods`")
