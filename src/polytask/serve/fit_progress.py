"""How far a fit is, written into a file that the service reads."""

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from polytask.core import PolytaskError
from polytask.core.files import write_atomically
from polytask.serve.failures import Refused, as_refused

__all__ = ["FitProgress"]

_PAUSE = 0.25  # seconds between two writings
_MOST_LOSSES = 2_000  # of a target


class FitProgress:
    """The line of a run that a file shows and not a terminal; see `polytask.train.progress.watched_run`.

    Args:
        file: Where it is written.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._written = file, 0.0
        self._state: dict[str, Any] = {"state": "waiting", "share": 0.0, "says": "waiting", "losses": {}}
        self._state["pid"] = os.getpid()
        self._shares: Sequence[float] = (1.0,)
        self._part, self._joint = -1, True
        self._write(now=True)

    def running(self, says: str) -> None:
        """Say that the fit has begun."""
        self._state |= {"state": "running", "says": says}
        self._write(now=True)

    def done(self, model: str, revision: int) -> None:
        """Say that the model is kept."""
        self._state |= {"state": "done", "share": 1.0, "says": "done", "model": model, "revision": revision}
        self._write(now=True)

    def failed(self, error: Exception) -> None:
        """Say why there is no model."""
        if isinstance(error, PolytaskError):
            error = as_refused(error, where="fit")
        if isinstance(error, Refused):
            told = {"what": error.what, "where": error.where, "remedy": error.remedy}
        else:
            told = {"what": "The fit failed.", "where": "fit", "remedy": "Look into the log of the service."}
        self._state |= {"state": "failed", "says": told["what"], "error": told}
        self._write(now=True)

    def phase(self, name: str) -> None:
        """Say what the run is doing, where that has no steps to count."""
        self._state["says"] = name
        self._write(now=True)

    def expect(self, shares: Sequence[float]) -> None:
        """Say how many parts come, and how much work each is."""
        self._shares, self._part = shares or (1.0,), -1

    def begin(self, title: str) -> None:
        """Begin the next part; losses of models for one target alone are not shown."""
        self._part = min(self._part + 1, len(self._shares) - 1)
        self._joint = not title.endswith("alone")
        counted = f" ({self._part + 1} of {len(self._shares)})" if len(self._shares) > 1 else ""
        self._state["says"] = f"{title}{counted}"
        if self._joint:
            self._state["losses"] = {}
        self.advance(0.0)

    def advance(self, done: float) -> None:
        """Say how much of the part is done, from 0 to 1."""
        before = sum(self._shares[: max(self._part, 0)])
        share = (before + done * self._shares[max(self._part, 0)]) / sum(self._shares)
        self._state["share"] = round(min(max(share, self._state["share"]), 0.99), 4)
        self._write()

    def details(self, text: str) -> None:
        """Leave out what a terminal shows at the end of the line."""

    def losses(self, latest: Mapping[str, float]) -> None:
        """Add the latest losses on held-out rows, by target."""
        for name, loss in latest.items() if self._joint else ():
            kept = self._state["losses"].setdefault(name, [])
            if math.isfinite(loss) and len(kept) < _MOST_LOSSES:
                kept.append(round(float(loss), 5))
        self._write()

    def _write(self, *, now: bool = False) -> None:
        if not now and time.monotonic() - self._written < _PAUSE:
            return
        text = json.dumps(self._state)
        with suppress(PolytaskError):  # a service that is gone reads nothing
            write_atomically(self._file, lambda opened: opened.write(text.encode()))
        self._written = time.monotonic()
