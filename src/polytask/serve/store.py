"""The folder of models that a service made: workers share it, no change is lost, and each can be undone.

Every model has a folder. Its revisions are model directories that are never changed; a file says which of
them is the current one, and how each came about. A change writes a new directory and then that file, in one
step, under a lock that the system gives back when its holder dies; what a killed change left is removed by
the next one.
"""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from polytask.core import BundleError, InputError
from polytask.core.errors import first_line
from polytask.core.files import write_atomically
from polytask.serve.failures import Refused
from polytask.serve.locks import held_lock
from polytask.serve.names import folder_of, name_of

__all__ = ["Ledger", "Revision", "Store"]

_LEDGER = "ledger.json"
_LOG = logging.getLogger("polytask.serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A state that a model was in.

    Args:
        revision: Its number; it only grows, also when a change is undone.
        at: When, in UTC.
        change: What was done, in words.
        folder: The model directory, which several revisions may share.
        parent: The revision that an undo goes back to; None where there is none.
    """

    revision: int
    at: str
    change: str
    folder: str
    parent: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The states that a model was in, the current one last.

    Args:
        made_by: What made the model: ``"adapt"`` or ``"fit"``.
        revisions: From the oldest that is kept.
    """

    made_by: str
    revisions: tuple[Revision, ...]

    @property
    def current(self) -> Revision:
        """The last one."""
        return self.revisions[-1]

    def parent(self) -> Revision | None:
        """Return what an undo goes back to; None where there is nothing, or it is not kept any more."""
        return next((one for one in self.revisions if one.revision == self.current.parent), None)

    def with_next(self, *, change: str, folder: str, parent: int | None, keep: int) -> "Ledger":
        """Return these and one more, of which the last ones are kept."""
        latest = self.revisions[-1].revision if self.revisions else 0
        now = datetime.now(UTC).isoformat(timespec="seconds")
        new = Revision(revision=latest + 1, at=now, change=change, folder=folder, parent=parent)
        return replace(self, revisions=(*self.revisions, new)[-keep:])


class Store:
    """The models that a service made.

    Args:
        root: The folder.
        most: How many models it may hold.
        keep: Revisions of a model that are kept.
        patience: Seconds to wait for another change of the same model.
    """

    def __init__(self, root: Path, *, most: int, keep: int, patience: float) -> None:
        self.root, self._most, self._keep, self._patience = root, most, keep, patience
        self._models, self._locks = root / "models", root / "locks"
        for folder in (self._models, self._locks):
            folder.mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """List the models."""
        found = (name_of(entry.name) for entry in self._models.iterdir())
        return sorted(name for name in found if name is not None and self.stamp(name) is not None)

    def stamp(self, name: str) -> tuple[int, ...] | None:
        """Return what changes whenever a model does; None where there is none."""
        try:
            found = (self.folder(name) / _LEDGER).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def folder(self, name: str) -> Path:
        """Return the folder of a model, whether it is there or not."""
        return self._models / folder_of(name)

    def ledger(self, name: str) -> Ledger | None:
        """Read the states of a model; None where there is none.

        Raises:
            BundleError: The file of them is damaged.
        """
        file = self.folder(name) / _LEDGER
        try:
            told = json.loads(file.read_bytes())
            revisions = tuple(Revision(**one) for one in told["revisions"])
            made_by = str(told["made_by"])
            if not revisions:
                raise ValueError("it has no state")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise BundleError(f"{file} is damaged ({first_line(error)}). Remove its folder.") from error
        return Ledger(made_by=made_by, revisions=revisions)

    @contextmanager
    def changing(self, name: str) -> Iterator[Ledger | None]:
        """Keep other changes of a model out, also those of other processes.

        Raises:
            Refused: Another change takes too long.
            BundleError: What is known of its states is damaged.
        """
        with held_lock(self._locks / f"{folder_of(name)}.lock", self._patience) as held:
            if not held:
                raise Refused(
                    503,
                    f"Another change of the model {name!r} takes long.",
                    remedy="Ask again in a few seconds.",
                    retry_after=2,
                )
            yield self.ledger(name)

    def commit(
        self,
        name: str,
        before: Ledger | None,
        save: Callable[[Path], object],
        *,
        change: str,
        made_by: str = "adapt",
    ) -> Ledger:
        """Write a new state of a model; to be called inside `changing`.

        Args:
            name: The model.
            before: Its states; None for a new one.
            save: Writes a model directory.
            change: What was done.
            made_by: What makes a new model.

        Raises:
            Refused: There is no room for another model.
        """
        if before is None and len(self.names()) >= self._most:
            raise Refused(
                413,
                f"The store has {self._most} models, and takes no more.",
                where="name",
                remedy="Delete one that is not needed.",
            )
        ledger = before or Ledger(made_by=made_by, revisions=())
        number = ledger.revisions[-1].revision + 1 if ledger.revisions else 1
        # Named by the moment, too: a model that was deleted may come again under its name.
        folder = f"r{number}-{time.time_ns():x}"
        parent = ledger.revisions[-1].revision if ledger.revisions else None
        target = self.folder(name)
        try:
            with _written():
                target.mkdir(exist_ok=True)
                save(target / folder)
                following = ledger.with_next(change=change, folder=folder, parent=parent, keep=self._keep)
                return self._write(name, following)
        except BaseException:
            shutil.rmtree(target / folder, ignore_errors=True)
            if before is None:
                shutil.rmtree(target, ignore_errors=True)
            raise

    def undo(self, name: str, before: Ledger) -> Ledger:
        """Go back to the state before the last change; to be called inside `changing`.

        Raises:
            Refused: There is none.
        """
        back = before.parent()
        if back is None:
            raise Refused(
                409,
                f"There is no earlier state of {name!r}.",
                remedy="Only changes can be undone, and the last "
                f"{self._keep} of them; make a new model for another beginning.",
            )
        change = f"back to revision {back.revision}: undid {before.current.change}"
        following = before.with_next(change=change, folder=back.folder, parent=back.parent, keep=self._keep)
        with _written():
            return self._write(name, following)

    def delete(self, name: str) -> None:
        """Remove a model; to be called inside `changing`."""
        with suppress(FileNotFoundError):
            (self.folder(name) / _LEDGER).unlink()  # from here on it is gone
        shutil.rmtree(self.folder(name), ignore_errors=True)

    def _write(self, name: str, ledger: Ledger) -> Ledger:
        text = json.dumps({"made_by": ledger.made_by, "revisions": [asdict(one) for one in ledger.revisions]})
        write_atomically(self.folder(name) / _LEDGER, lambda file: file.write(text.encode()))
        self._sweep(name, [one.folder for one in ledger.revisions])
        return ledger

    def _sweep(self, name: str, named: Sequence[str]) -> None:
        """Remove directories that no revision names."""
        for entry in self.folder(name).iterdir():
            if entry.is_dir() and entry.name not in named:
                shutil.rmtree(entry, ignore_errors=True)


@contextmanager
def _written() -> Iterator[None]:
    """Tell a client that nothing can be kept, but not where the store lies."""
    try:
        yield
    except BundleError:  # the model itself cannot be saved
        raise
    except (InputError, OSError) as error:
        _LOG.warning("the store cannot be written: %s", error)
        raise Refused(
            507,
            "The store cannot be written, so that nothing was changed.",
            remedy="Ask whoever runs the service to look into its log: the disk may be full.",
        ) from error
