"""Old names: what has moved is still found there for one release, with a warning that says where it is now.

`renames.json` holds ``modules`` (old module to new) and ``names`` (old place of a public name to its new
one). A name that is nowhere any more is not in it.
"""

import functools
import importlib
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import lazy_loader

__all__ = ["find_old_modules", "renamed_settings", "room", "with_old_names"]

Room = tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]


def room(name: str, file: str) -> Room:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package whose stub beside it lists its names.

    Args:
        name: The package's ``__name__``.
        file: Its ``__file__``.
    """
    found, listed, names = lazy_loader.attach_stub(name, file)
    sys.modules[name].__class__ = _Room
    return with_old_names(name, found), listed, names


def with_old_names(package: str, found: Callable[[str], Any] | None = None) -> Callable[[str], Any]:
    """Return a package's ``__getattr__`` that also finds what has moved out of it.

    Args:
        package: Its name.
        found: What finds the names of today; None where they are there already.
    """

    def __getattr__(attribute: str) -> Any:  # noqa: N807 - what Python calls it
        if found is not None:
            with suppress(AttributeError):
                return found(attribute)
        old = f"{package}.{attribute}"
        if old in _renames()["modules"] and old not in _renames()["names"]:
            return importlib.import_module(old)
        return _moved(package, attribute)

    return __getattr__


def renamed_settings(settings: Mapping[str, Any], new_names: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of a call under their names of today, with a warning for each old one.

    Args:
        settings: By the name that was given.
        new_names: By old name.
    """
    for old in new_names.keys() & settings.keys():
        _warn(f"`{old}`", f"`{new_names[old]}`")
    return {new_names.get(name, name): value for name, value in settings.items()}


def find_old_modules() -> None:
    """Let modules be imported by their old names, with a warning."""
    if not any(isinstance(finder, _OldModules) for finder in sys.meta_path):
        sys.meta_path.append(_OldModules())


class _Room(ModuleType):
    """A package whose public names are not hidden by a module in it, or an old one, of the same name."""

    def __setattr__(self, attribute: str, value: object) -> None:
        public = isinstance(value, ModuleType) and attribute in self.__dict__.get("__all__", ())
        if not public and not _hides_a_name(self, attribute, value):
            super().__setattr__(attribute, value)  # as Python does with each module that is imported


class _OldModules:
    """Makes a module that stands for the new one; asked last, for what nobody else has found.

    It has no base class: `importlib.abc` takes a tenth of the start of the command.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith("polytask.") or fullname not in _renames()["modules"]:
            return None
        within = any(other.startswith(f"{fullname}.") for other in _renames()["modules"])
        return ModuleSpec(fullname, cast(Any, self), is_package=within)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _OldModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        _warn(module.__name__, _renames()["modules"][module.__name__])


class _OldModule(ModuleType):
    """Reads from the new module, and sets what is set there."""

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # `inspect` asks every module for some, at any moment
            raise AttributeError(f"module {self.__name__!r} has no attribute {attribute!r}")
        if f"{self.__name__}.{attribute}" in _renames()["names"]:
            return _moved(self.__name__, attribute)
        return getattr(importlib.import_module(_renames()["modules"][self.__name__]), attribute)

    def __setattr__(self, attribute: str, value: object) -> None:
        if _hides_a_name(self, attribute, value):
            return
        if attribute.startswith("__") or isinstance(value, ModuleType):
            super().__setattr__(attribute, value)
        else:
            setattr(importlib.import_module(_renames()["modules"][self.__name__]), attribute, value)


def _hides_a_name(package: ModuleType, attribute: str, value: object) -> bool:
    """Tell whether an old module that is bound in its package would stand before what had its name."""
    return isinstance(value, _OldModule) and f"{package.__name__}.{attribute}" in _renames()["names"]


def _moved(package: str, attribute: str) -> Any:
    """Return what had this name, with a warning.

    Raises:
        AttributeError: Nothing had.
    """
    new = _renames()["names"].get(f"{package}.{attribute}")
    if new is None:
        raise AttributeError(f"module {package!r} has no attribute {attribute!r}")
    _warn(f"{package}.{attribute}", new)
    module, _, name = new.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _warn(old: str, new: str) -> None:
    warnings.warn(
        f"{old} is now {new}; the old name goes with the next release. docs/renames.json has all that moved.",
        FutureWarning,
        stacklevel=4,
    )


@functools.cache
def _renames() -> Mapping[str, Mapping[str, str]]:
    return json.loads(Path(__file__).with_name("renames.json").read_text(encoding="utf-8"))
