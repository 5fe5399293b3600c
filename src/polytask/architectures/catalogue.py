"""Architectures by name; what there is to say of one stands at its class."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from polytask.core.catalogue import Catalogue

if TYPE_CHECKING:  # a list of names needs no torch
    from polytask.architectures.entry import ArchitectureEntry

__all__ = ["architecture_entries", "architecture_entry", "architecture_names"]

ARCHITECTURES: "Catalogue[ArchitectureEntry]" = Catalogue(
    "architecture",
    "polytask.architectures",
    {
        "hard": ".hard:HardSharing",
        "tabm": ".tabm_sharing:TabMSharing",
        "soft": ".soft:SoftSharing",
        "trace-norm": ".trace_norm_sharing:TraceNormSharing",
        "sparse-low-rank": ".sparse_low_rank:SparseLowRankSharing",
        "cross-stitch": ".cross_stitch:CrossStitch",
        "mmoe": ".mmoe:MMoE",
        "cgc": ".cgc:CGC",
        "ple": ".ple:PLE",
        "dselect-k": ".dselect_k:DSelectK",
        "mtan": ".mtan:MTAN",
        "film": ".film:FiLMSharing",
        "own-input": ".own_input:OwnInputSharing",
    },
)


def architecture_names() -> tuple[str, ...]:
    """Return the names of the architectures for tables, without loading any.

    Example:
        >>> architecture_names()[:2]
        ('hard', 'tabm')
    """
    return ARCHITECTURES.names()


def architecture_entries() -> "Mapping[str, ArchitectureEntry]":
    """Return the whole catalogue: how each shares, and its paper.

    Example:
        >>> architecture_entries()["mmoe"].summary
        'shared experts, which every task weighs by a gate of its own'
    """
    return ARCHITECTURES.entries()


def architecture_entry(name: str) -> "ArchitectureEntry":
    """Return what the catalogue says of an architecture; no other one is loaded.

    Raises:
        InputError: No architecture has this name.
    """
    return ARCHITECTURES.entry(name)
