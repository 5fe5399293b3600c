"""Balancers by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torchjd.aggregation as aggregation
import torchjd.scalarization as scalarization

from polytask.balancing.balancer import Balancer, Needs
from polytask.balancing.equal import EqualWeights
from polytask.balancing.from_torchjd import Aggregated, GramianWeighted, Scalarized, UPGrad
from polytask.balancing.uncertainty import UncertaintyWeighting
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
    "random": BalancerEntry(
        lambda _: GramianWeighted(aggregation.RandomWeighting()),
        "gramian",
        "Lin et al., TMLR 2022, arXiv:2111.10603 (RGW)",
    ),
    "upgrad": BalancerEntry(lambda _: UPGrad(), "gramian", "Quinton, Rey, 2024, arXiv:2406.16232"),
    "dual-proj": BalancerEntry(
        lambda _: GramianWeighted(aggregation.DualProjWeighting()),
        "gramian",
        "Lopez-Paz, Ranzato, NIPS 2017, arXiv:1706.08840",
    ),
    "mgda": BalancerEntry(
        lambda _: GramianWeighted(aggregation.MGDAWeighting()),
        "gramian",
        "Sener, Koltun, NeurIPS 2018, arXiv:1810.04650",
    ),
    "pcgrad": BalancerEntry(
        lambda _: GramianWeighted(aggregation.PCGradWeighting(), mean=False),
        "gramian",
        "Yu et al., NeurIPS 2020, arXiv:2001.06782",
    ),
    "imtl-g": BalancerEntry(
        lambda _: GramianWeighted(aggregation.IMTLGWeighting()), "gramian", "Liu et al., ICLR 2021"
    ),
    "aligned-mtl": BalancerEntry(
        lambda _: GramianWeighted(aggregation.AlignedMTLWeighting()),
        "gramian",
        "Senushkin et al., CVPR 2023, arXiv:2305.19000",
    ),
    "config": BalancerEntry(
        lambda _: Aggregated(aggregation.ConFIG(), mean=False),
        "jacobian",
        "Liu et al., ICLR 2025, arXiv:2408.11104",
    ),
    "grad-drop": BalancerEntry(
        lambda _: Aggregated(aggregation.GradDrop(), mean=False),
        "jacobian",
        "Chen et al., NeurIPS 2020, arXiv:2010.06808",
    ),
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
