"""The models that a worker serves: immutable records, each swapped in one step for the next."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from polytask.core import BundleError
from polytask.core.files import user_path
from polytask.serve.bases import BASES
from polytask.serve.failures import Refused
from polytask.serve.settings import ServeSettings
from polytask.serve.store import Ledger, Store

__all__ = ["Served", "Shelf"]

_LOG = logging.getLogger("polytask.serve")
_MOST_IN_MEMORY = 64  # models of the store that a worker keeps; others are read when they are asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A model as it is served.

    Args:
        name: Its name.
        model: The model, or what makes one of examples.
        origin: Where it comes from.
        folder: Its directory; None for what comes with the package.
        revision: Of a model that was made here; 0 for others.
        ledger: How it came about.
        stamp: What changes when another worker changes it.
    """

    name: str
    model: Any
    origin: Literal["builtin", "given", "made"]
    folder: Path | None = None
    revision: int = 0
    ledger: Ledger | None = None
    stamp: tuple[int, ...] | None = None


class Shelf:
    """Finds models by name: those that come with the package, those given at the start, those made here.

    Args:
        settings: Which there are.
        store: Those that were made here.

    Raises:
        BundleError: A model cannot be loaded.
    """

    def __init__(self, settings: ServeSettings, store: Store) -> None:
        self._store = store
        fixed = [
            Served(name=name, model=base, origin="builtin")
            for name, base in BASES.items()
            if settings.builtin and name not in settings.models
        ]
        fixed += [
            Served(name=name, model=_loaded(user_path(path)), origin="given", folder=user_path(path))
            for name, path in settings.models.items()
        ]
        self._fixed: Mapping[str, Served] = {one.name: one for one in fixed}
        self._made: OrderedDict[str, Served] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> Served:
        """Return a model, as it is now.

        Raises:
            Refused: There is none of this name, or it is damaged.
        """
        if (fixed := self._fixed.get(name)) is not None:
            return fixed
        stamp = self._store.stamp(name)
        if stamp is None:
            self._made.pop(name, None)
            raise Refused(
                404,
                f"There is no model {name[:80]!r}.",
                where="name",
                remedy="Ask GET /models for those that there are.",
            )
        known = self._made.get(name)
        if known is not None and known.stamp == stamp:
            return known
        try:
            return self._read(name)
        except BundleError as error:
            _LOG.warning("the model %s cannot be read: %s", ascii(name), error)
            raise Refused(
                500,
                f"The model {name[:80]!r} cannot be read.",
                where="name",
                remedy="Ask whoever runs the service to look into its log: files of the model are damaged.",
            ) from error

    def taken(self, name: str) -> bool:
        """Tell whether a name is in use."""
        return name in self._fixed or self._store.stamp(name) is not None

    def names(self) -> list[str]:
        """List all models."""
        return [*self._fixed, *self._store.names()]

    def all(self) -> Iterator[Served]:
        """Give all models; one that is deleted meanwhile, or damaged, is left out."""
        for name in self.names():
            try:
                yield self.get(name)
            except Refused:
                continue

    def put(self, name: str, model: Any, ledger: Ledger, stamp: tuple[int, ...] | None = None) -> Served:
        """Keep a model that was just read, with the stamp of before; or written, under its lock."""
        served = Served(
            name=name,
            model=model,
            origin="made",
            folder=self._store.folder(name) / ledger.current.folder,
            revision=ledger.current.revision,
            ledger=ledger,
            stamp=stamp or self._store.stamp(name),
        )
        with self._lock:
            self._made[name] = served
            self._made.move_to_end(name)
            while len(self._made) > _MOST_IN_MEMORY:
                self._made.popitem(last=False)
        return served

    def drop(self, name: str) -> None:
        """Forget a model that was deleted."""
        self._made.pop(name, None)

    def _read(self, name: str) -> Served:
        """Read the current state of a model; once more where another worker replaced it meanwhile."""
        for attempt in range(3):
            stamp = self._store.stamp(name)  # first: what is written later is then read again
            ledger = self._store.ledger(name)
            if ledger is None:
                break
            try:
                model = _loaded(self._store.folder(name) / ledger.current.folder)
            except BundleError:
                if attempt == 2:
                    raise
                continue
            return self.put(name, model, ledger, stamp)
        return self.get(name)


def _loaded(folder: Path) -> Any:
    from polytask.models import load

    return load(folder)
