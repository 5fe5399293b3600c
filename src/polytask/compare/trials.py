"""The trials of a cell: settings that were judged inside the training part, of which a kill loses one.

They stand in a file of lines beside the cells, one a trial, until the cell is written and holds them itself.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polytask.core.strict_json import format_json

__all__ = ["Trial", "TrialFile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Settings, and how well they did.

    Args:
        targets: Of which targets.
        settings: The settings.
        loss: On rows of the training part that were held out, in units of the constant prediction's, averaged
            over the targets; None where the fit failed or nothing could be judged.
        seconds: What it took.
        error: Why the fit failed.
    """

    targets: tuple[str, ...]
    settings: Mapping[str, Any]
    loss: float | None
    seconds: float
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "targets": list(self.targets),
            "settings": dict(self.settings),
            "loss": self.loss,
            "seconds": self.seconds,
            "error": self.error,
        }


class TrialFile:
    """The trials of a cell that is not done yet. One process at a time may hold it: who has claimed the cell.

    Args:
        path: The file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.trials: list[Trial] = [] if path is None else _read(path)
        self._of_others = list(self.trials)

    @property
    def earlier_seconds(self) -> float:
        """What the trials took that were done before this process had the file."""
        others = {id(one) for one in self._of_others}
        return sum(one.seconds for one in self.trials if id(one) in others)

    def of(self, targets: Sequence[str]) -> list[Trial]:
        """Return those of some targets, in order."""
        return [one for one in self.trials if one.targets == tuple(targets)]

    def keep(self, targets: Sequence[str], trials: Sequence[Trial]) -> None:
        """Forget all trials of some targets but these."""
        others = [one for one in self.trials if one.targets != tuple(targets)]
        if len(others) + len(trials) < len(self.trials):
            self.trials = [*others, *trials]
            self._write(self.trials, mode="w")

    def remove(self) -> None:
        """Remove the file: the cell is written."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def add(self, trial: Trial) -> None:
        """Write down a trial."""
        self.trials.append(trial)
        self._write([trial], mode="a")

    def _write(self, trials: Sequence[Trial], *, mode: str) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(exist_ok=True)
        with self.path.open(mode, encoding="utf-8") as file:
            for one in trials:
                file.write(format_json(one.to_json(), indent=None) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _read(path: Path) -> list[Trial]:
    """Read the lines that are whole, and cut off what a kill has left of another one."""
    try:
        content = path.read_bytes()
    except OSError:
        return []
    found, whole = [], 0
    for line in content.splitlines(keepends=True):
        trial = _trial(line)
        if trial is None:
            break
        found.append(trial)
        whole += len(line)
    if whole < len(content):
        os.truncate(path, whole)
    return found


def _trial(line: bytes) -> Trial | None:
    if not line.endswith(b"\n"):
        return None
    try:
        data = json.loads(line)
        return Trial(**{**data, "targets": tuple(data["targets"])})
    except (ValueError, TypeError, KeyError):
        return None
