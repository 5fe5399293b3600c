"""Balancers by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torchjd.aggregation as aggregation
import torchjd.scalarization as scalarization

from polytask.balancing.balancer import Balancer, Needs
from polytask.balancing.methods.aligned_mtl import AlignedMTL
from polytask.balancing.methods.auto_lambda import AutoLambda
from polytask.balancing.methods.cagrad import CAGrad
from polytask.balancing.methods.config import ConFIG
from polytask.balancing.methods.cosmos import COSMOS, PBI
from polytask.balancing.methods.cov_weighting import CoVWeighting
from polytask.balancing.methods.db_mtl import DBMTL
from polytask.balancing.methods.dtp import DTP
from polytask.balancing.methods.dwa import DWA
from polytask.balancing.methods.equal import EqualWeights
from polytask.balancing.methods.excess_mtl import ExcessMTL
from polytask.balancing.methods.famo import FAMO
from polytask.balancing.methods.forum import FORUM
from polytask.balancing.methods.go4align import GO4Align
from polytask.balancing.methods.gradnorm import GradNorm
from polytask.balancing.methods.imtl_g import IMTLG
from polytask.balancing.methods.imtl_l import IMTLL
from polytask.balancing.methods.krum import Krum, TrimmedMean
from polytask.balancing.methods.ldc_mtl import LDCMTL
from polytask.balancing.methods.meta_balance import MetaBalance
from polytask.balancing.methods.mgda import MGDA
from polytask.balancing.methods.moco import MoCo
from polytask.balancing.methods.modo import MoDo, SDMGrad
from polytask.balancing.methods.moml import MOML
from polytask.balancing.methods.nash_mtl import FairGrad, NashMTL
from polytask.balancing.methods.pcd import PCD
from polytask.balancing.methods.pcgrad import GradVac, PCGrad
from polytask.balancing.methods.relobralo import ReLoBRaLo
from polytask.balancing.methods.revised_uncertainty import RevisedUncertaintyWeighting
from polytask.balancing.methods.rlw import RLW
from polytask.balancing.methods.scale_invariant import ScaleInvariant
from polytask.balancing.methods.slaw import SLAW
from polytask.balancing.methods.soft_adapt import SoftAdapt
from polytask.balancing.methods.stch import STCH
from polytask.balancing.methods.torchjd import Aggregated, Scalarized
from polytask.balancing.methods.uncertainty import UncertaintyWeighting
from polytask.balancing.methods.upgrad import DualProj, UPGrad
from polytask.balancing.methods.uw_so import SoftUncertaintyWeighting
from polytask.balancing.wrappers.kept_weights import Periodic, Smoothed
from polytask.core import InputError

__all__ = ["BalancerEntry", "balancer_by_name", "balancer_entries", "balancer_names"]


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
        raise InputError(f"No balancer is called {name!r}; there are {', '.join(_BALANCERS)}.")
    return _BALANCERS[name].build(objectives)
