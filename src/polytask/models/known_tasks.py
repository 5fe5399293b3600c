"""What tasks of known datasets say where a support says nothing: of classes with one example each."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["KnownTasks", "known_tasks"]

_FILE = Path(__file__).with_name("known_tasks.json")


class KnownTasks(NamedTuple):
    """What held for many tasks with one example of each class, under one set of encoders."""

    sharpness: float
    """The factor by which scores of class means become logits."""
    references: Tensor
    """How well examples of known classes fit, sorted, float64; see `typicality`."""
    about: str
    """The datasets, in words."""


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
