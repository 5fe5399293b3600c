"""The public names of the package, and the one name under which the site describes each."""

import importlib
import inspect
import pkgutil
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import polytask

__all__ = ["Public", "canonical_names", "first_sentence", "public_names", "rooms"]

NOT_FOR_IMPORT = ("polytask.cli",)
"""The command, which `polytask --help` and its own page describe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Public:
    """A public name.

    Args:
        room: The package that promises it.
        name: Its name there.
        value: What it is.
        canonical: The name that the site describes it by, such as ``polytask.Task``.
    """

    room: str
    name: str
    value: Any
    canonical: str

    @property
    def full(self) -> str:
        """Its name with its room."""
        return f"{self.room}.{self.name}"

    @property
    def kind(self) -> str:
        """What Python's domain calls it."""
        if inspect.isclass(self.value):
            return "exception" if issubclass(self.value, BaseException) else "class"
        return "function" if inspect.isroutine(inspect.unwrap(self.value)) else "data"


@cache
def rooms() -> tuple[str, ...]:
    """Return all packages that promise names, in the order of their paths."""
    found = ["polytask"]
    for module in pkgutil.walk_packages(polytask.__path__, "polytask."):
        if module.ispkg and not module.name.startswith(NOT_FOR_IMPORT) and _promised(module.name):
            found.append(module.name)
    return tuple(found)


@cache
def public_names() -> tuple[Public, ...]:
    """Return every public name of every room; packages among them are rooms of their own."""
    given = [
        (room, name, value)
        for room in rooms()
        for name, value in ((name, _value(room, name)) for name in _promised(room))
        if not isinstance(value, ModuleType)
    ]
    places = defaultdict(list)
    for room, name, value in given:
        places[_identity(name, value)].append(f"{room}.{name}")
    return tuple(
        Public(
            room=room,
            name=name,
            value=value,
            canonical=min(places[_identity(name, value)], key=lambda full: (full.count("."), full)),
        )
        for room, name, value in given
    )


@cache
def canonical_names() -> dict[str, Public]:
    """Return what the site describes, by the name it does so under."""
    return {public.full: public for public in public_names() if public.full == public.canonical}


def first_sentence(value: Any) -> str:
    """Return what the first line of a docstring says; nothing for constants."""
    text = inspect.getdoc(value) if callable(value) or isinstance(value, ModuleType) else None
    return (text or "").strip().split("\n\n")[0].replace("\n", " ")


def _promised(room: str) -> tuple[str, ...]:
    return tuple(getattr(importlib.import_module(room), "__all__", ()))


def _value(room: str, name: str) -> Any:
    return getattr(importlib.import_module(room), name)


def _identity(name: str, value: Any) -> Any:
    """Return what two names of one thing have in common; constants may be one object by chance."""
    return (name, id(value))
