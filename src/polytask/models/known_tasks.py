"""What tasks of known datasets say where a support says nothing: of classes with one example each."""

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from polytask.core import InputError

__all__ = ["KnownTasks", "known_tasks", "stored_known_tasks"]

_FILE = Path(__file__).with_name("known_tasks.json")


class KnownTasks(NamedTuple):
    """What held for many tasks with one example of each class, under one set of encoders."""

    sharpness: float
    """The factor by which scores of class means become logits."""
    references: Tensor
    """How well examples of known classes fit, sorted, float64; see `typicality`."""
    about: str
    """The datasets, in words."""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {"sharpness": self.sharpness, "references": self.references.tolist(), "about": self.about}


def stored_known_tasks(data: Mapping[str, Any]) -> KnownTasks | None:
    """Return what a model keeps of its own known classes, as `KnownTasks.to_json` gave it; None for none.

    Raises:
        InputError: It is something else.
    """
    if (found := data.get("known_tasks")) is None:
        return None
    try:
        sharpness, about = float(found["sharpness"]), str(found["about"])
        references = torch.tensor(sorted(map(float, found["references"])), dtype=torch.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("what is kept of known classes is damaged") from error
    if not (math.isfinite(sharpness) and sharpness > 0 and bool(references.isfinite().all())):
        raise InputError("what is kept of known classes is not finite")
    return KnownTasks(sharpness, references, about)


def known_tasks(encoders: tuple[str, ...]) -> KnownTasks | None:
    """Return what is known of features by these encoders; None where no dataset was looked at.

    The file is written by ``benchmarks/quality/known_tasks.py``.
    """
    found = _read().get("+".join(encoders))
    if found is None:
        return None
    return KnownTasks(
        found["sharpness"], torch.tensor(found["references"], dtype=torch.float64), found["about"]
    )


@cache
def _read() -> dict[str, dict]:
    return json.loads(_FILE.read_text())["encoders"]
