"""Classes by name, each loaded only when it is asked for; what there is to say of one stands at the class."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from polytask.core.errors import InputError
from polytask.core.names import name_problem

__all__ = ["Catalogue", "stated"]


class Named(Protocol):
    """An entry of a catalogue."""

    @property
    def name(self) -> str:
        """What it is called there."""
        ...


Entry = TypeVar("Entry", bound=Named)
Class = TypeVar("Class", bound=type)


class Catalogue(Generic[Entry]):
    """A list of names, and where the class stands that each belongs to.

    Args:
        what: What the classes are, for messages.
        package: The package that modules beginning with a dot are in.
        paths: By name, in the order to show: ``".module:Class"``, or without the dot for a module elsewhere.
        listing: Says how to see all names, where there are many; for messages.

    Example:
        >>> from polytask.balancing.balancer import BalancerEntry
        >>> found = Catalogue[BalancerEntry](
        ...     "balancer", "polytask.balancing", {"mgda": ".methods.mgda:MGDA"}
        ... )
        >>> found.names(), found.entry("mgda").needs
        (('mgda',), 'gramian')
    """

    def __init__(
        self, what: str, package: str, paths: Mapping[str, str], *, listing: Callable[[], str] = str
    ) -> None:
        self.what, self.package, self.paths = what, package, dict(paths)
        self._listing = listing

    def names(self) -> tuple[str, ...]:
        """Return all names, without loading any class."""
        return tuple(self.paths)

    def entry(self, name: str) -> Entry:
        """Return what the class says of itself under a name.

        Raises:
            InputError: Nothing has this name.
        """
        if name not in self.paths:
            what = f"No {self.what} is called {name!r}"
            raise InputError(name_problem(what, name, self.paths, listing=self._listing()) + ".")
        module, _, owner = self.paths[name].partition(":")
        found = getattr(importlib.import_module(module, self.package), owner)
        return {entry.name: entry for entry in found.entries}[name]

    def entries(self) -> dict[str, Entry]:
        """Return what all classes say of themselves, by name."""
        return {name: self.entry(name) for name in self.paths}


def stated(owner: Class, entry: Any) -> Class:
    """State an entry at a class, besides what it has said before; that of a class above it does not count."""
    owner.entries = (*vars(owner).get("entries", ()), entry)
    return owner
