"""The methods of the package in groups, found in its catalogues and public names."""

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from _ext.public import canonical_names, public_names
from polytask.architectures.catalogue import ARCHITECTURES
from polytask.balancing import Balancer
from polytask.balancing.catalogue import BALANCERS
from polytask.core import EpisodicLearner, Sharing
from polytask.core.catalogue import Catalogue
from polytask.meta.catalogue import LEARNERS

__all__ = ["FAMILIES", "Method", "architectures", "balancers", "learners", "method_documents"]

FAMILIES = {
    "initialization": "learned initializations: a start from which a few gradient steps suffice",
    "optimization": "learned rules: how a step is taken is itself learned",
    "metric": "metrics: a space in which to compare with labelled examples",
    "model": "models that adapt by their forward pass: no gradient for a new task",
}
"""The families of learners, and what each learns across tasks."""
BASES = {"FeatureClassifier", "SolvedHead", "TransductiveClassifier", "GaussianLearner", "GradientLearner"}
"""What methods are derived from, which the pages of their rooms describe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method.

    Args:
        owner: Its class.
        canonical: The name that it is described by.
        group: The folder of its page.
        entries: What its catalogue says of it, by name; a class may stand there more than once.
        family: Of a learner; see `FAMILIES`.
    """

    owner: type
    canonical: str
    group: str
    entries: dict[str, Any] = field(default_factory=dict)
    family: str = ""

    @property
    def document(self) -> str:
        """Its page."""
        return f"methods/{self.group}/{self.owner.__name__.lower()}"


@cache
def balancers() -> tuple[Method, ...]:
    """Return the balancers of the catalogue, in its order, and those that are public without a name there."""
    return _with_public(BALANCERS, "balancers", Balancer, "polytask.balancing.methods")


@cache
def architectures() -> tuple[Method, ...]:
    """Return the architectures of the catalogue, and those for more than tables."""
    return _with_public(ARCHITECTURES, "architectures", Sharing, "polytask.architectures")


@cache
def learners() -> tuple[Method, ...]:
    """Return the few-shot learners, family by family."""
    named = {method.owner: method for method in _catalogued(LEARNERS, "learners")}
    found = []
    for family in FAMILIES:
        room = f"polytask.meta.{family}"
        own = [owner for owner, one in named.items() if next(iter(one.entries.values())).family == family]
        own += [owner for owner in _public_classes(room, EpisodicLearner) if owner not in named]
        for owner in own:
            found.append(
                Method(
                    owner=owner,
                    canonical=_canonical(owner),
                    group="learners",
                    entries=named[owner].entries if owner in named else {},
                    family=family,
                )
            )
    return tuple(found)


@cache
def method_documents() -> dict[str, str]:
    """Return the page of each method that has one, by the name that it is described by."""
    return {method.canonical: method.document for method in (*balancers(), *architectures(), *learners())}


def _with_public(catalogue: Catalogue[Any], group: str, base: type, room: str) -> tuple[Method, ...]:
    named = tuple(_catalogued(catalogue, group))
    owners = {method.owner for method in named}
    others = tuple(
        Method(owner=owner, canonical=_canonical(owner), group=group)
        for owner in _public_classes(room, base)
        if owner not in owners
    )
    return named + others


def _catalogued(catalogue: Catalogue[Any], group: str) -> Iterator[Method]:
    entries: dict[type, dict[str, Any]] = {}
    for name, path in catalogue.paths.items():
        module, _, owner = path.partition(":")
        value = getattr(importlib.import_module(module, catalogue.package), owner)
        entries.setdefault(value, {})[name] = catalogue.entry(name)
    for value, found in entries.items():
        yield Method(owner=value, canonical=_canonical(value), group=group, entries=found)


def _public_classes(room: str, base: type) -> list[type]:
    return [
        public.value
        for public in public_names()
        if public.room == room
        and inspect.isclass(public.value)
        and issubclass(public.value, base)
        and public.name not in BASES
    ]


def _canonical(owner: type) -> str:
    return next(name for name, public in canonical_names().items() if public.value is owner)
