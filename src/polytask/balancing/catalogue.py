"""Balancers by name; what there is to say of one stands at its class."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from polytask.core.catalogue import Catalogue
from polytask.core.doors import by_door

if TYPE_CHECKING:  # a list of names needs no torch
    from polytask.balancing.balancer import Balancer, BalancerEntry

__all__ = ["balancer_by_name", "balancer_entries", "balancer_listing", "balancer_names"]


def balancer_listing() -> str:
    """Say what lists the names, where the message is read."""
    return by_door(python="`polytask.balancing.balancer_names()`", command="`polytask methods`")


BALANCERS: "Catalogue[BalancerEntry]" = Catalogue(
    "balancer",
    "polytask.balancing",
    {
        "equal": ".methods.equal:EqualWeights",
        "uncertainty": ".methods.uncertainty:UncertaintyWeighting",
        "geometric-mean": ".methods.geometric_mean:GeometricMean",
        "random": ".methods.rlw:RLW",
        "dwa": ".methods.dwa:DWA",
        "famo": ".methods.famo:FAMO",
        "stch": ".methods.stch:STCH",
        "uw-so": ".methods.uw_so:SoftUncertaintyWeighting",
        "revised-uncertainty": ".methods.revised_uncertainty:RevisedUncertaintyWeighting",
        "imtl-l": ".methods.imtl_l:IMTLL",
        "scale-invariant": ".methods.scale_invariant:ScaleInvariant",
        "cov": ".methods.cov_weighting:CoVWeighting",
        "slaw": ".methods.slaw:SLAW",
        "relobralo": ".methods.relobralo:ReLoBRaLo",
        "soft-adapt": ".methods.soft_adapt:SoftAdapt",
        "dtp": ".methods.dtp:DTP",
        "cosmos": ".methods.cosmos:COSMOS",
        "pbi": ".methods.pbi:PBI",
        "go4align": ".methods.go4align:GO4Align",
        "ldc-mtl": ".methods.ldc_mtl:LDCMTL",
        "gradnorm": ".methods.gradnorm:GradNorm",
        "db-mtl": ".methods.db_mtl:DBMTL",
        "db-mtl-running": ".methods.db_mtl:DBMTL",
        "meta-balance": ".methods.meta_balance:MetaBalance",
        "upgrad": ".methods.upgrad:UPGrad",
        "dual-proj": ".methods.dual_proj:DualProj",
        "mgda": ".methods.mgda:MGDA",
        "pcgrad": ".methods.pcgrad:PCGrad",
        "gradvac": ".methods.gradvac:GradVac",
        "cagrad": ".methods.cagrad:CAGrad",
        "nash-mtl": ".methods.nash_mtl:NashMTL",
        "fairgrad": ".methods.fairgrad:FairGrad",
        "imtl-g": ".methods.imtl_g:IMTLG",
        "aligned-mtl": ".methods.aligned_mtl:AlignedMTL",
        "config": ".methods.config:ConFIG",
        "pcd": ".methods.pcd:PCD",
        "krum": ".methods.krum:Krum",
        "cr-mogm": ".wrappers.smoothed:Smoothed",
        "psmgd": ".wrappers.periodic:Periodic",
        "modo": ".methods.modo:MoDo",
        "sdmgrad": ".methods.sdmgrad:SDMGrad",
        "grad-drop": ".methods.grad_drop:GradDrop",
        "moco": ".methods.moco:MoCo",
        "excess-mtl": ".methods.excess_mtl:ExcessMTL",
        "trimmed-mean": ".methods.trimmed_mean:TrimmedMean",
        "auto-lambda": ".methods.auto_lambda:AutoLambda",
        "forum": ".methods.forum:FORUM",
        "moml": ".methods.moml:MOML",
    },
    listing=balancer_listing,
)


def balancer_names() -> tuple[str, ...]:
    """Return the names that `balancer_by_name` knows, without loading any method."""
    return BALANCERS.names()


def balancer_entries() -> "Mapping[str, BalancerEntry]":
    """Return the whole catalogue: what each method needs, and its paper.

    Example:
        >>> balancer_entries()["mgda"].needs
        'gramian'
    """
    return BALANCERS.entries()


def balancer_by_name(name: str, objectives: Sequence[str]) -> "Balancer":
    """Build a balancer for objectives of these names.

    Raises:
        InputError: No balancer has this name.

    Example:
        >>> type(balancer_by_name("uncertainty", ["a", "b"])).__name__
        'UncertaintyWeighting'
    """
    return BALANCERS.entry(name).build(objectives)
