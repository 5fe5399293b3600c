"""What the shell offers for an option's value: names out of listings, and folders that hold a model.

Whatever is asked here is answered while somebody waits for a key: nothing imports torch, numpy or pandas.
"""

import os
from contextlib import suppress
from pathlib import Path

from polytask.architectures import architecture_names
from polytask.balancing.catalogue import balancer_names
from polytask.compare.catalogue import candidate_names
from polytask.compare.stored_rows import PLAN_FILE
from polytask.compare.task_parts import TASKS_FILE
from polytask.core.files import user_path
from polytask.meta.catalogue import learner_names
from polytask.models.bundle_folder import DESCRIPTION

__all__ = [
    "accelerators",
    "architectures",
    "balancers",
    "candidates",
    "learners",
    "models",
    "precisions",
    "sources",
    "targets",
]

_MOST = 1000  # entries of a folder that are looked at
_KINDS = ("regression", "log", "binary", "multiclass")
_MARKS = (DESCRIPTION, PLAN_FILE, TASKS_FILE)  # of a model, of a comparison, of one on tasks
_OF_TASKS = ("mixed", "cnp", "np", "anp", "convcnp", "tnp", "pfn", "logistic")


def architectures() -> list[str]:
    """Return the names of architectures."""
    return list(architecture_names())


def balancers() -> list[str]:
    """Return the names of balancers."""
    return list(balancer_names())


def learners() -> list[str]:
    """Return the names of few-shot learners, and what chooses one; those of tables with tasks last."""
    return ["auto", *learner_names(), *_OF_TASKS]


def candidates(incomplete: str) -> list[str]:
    """Return the names of candidates; with an architecture after ``joint:``, and a balancer after ``+``."""
    before, plus, _ = incomplete.partition("+")
    if plus:
        return [f"{before}+{name}" for name in balancer_names()]
    of_one = [f"{kind}:{name}" for kind in ("joint", "single") for name in architecture_names()]
    return [*candidate_names(), *of_one]


def accelerators() -> list[str]:
    """Return the names of accelerators."""
    return ["cpu", "cuda", "mps", "auto"]


def precisions() -> list[str]:
    """Return the names of precisions."""
    return ["32-true", "64-true", "bf16-mixed", "bf16-true"]


def sources(incomplete: str) -> list[str]:
    """Return what few-shot learning takes: the built-in sources, and folders."""
    return ["glyphs", "omniglot", *_folders(incomplete)]


def models(incomplete: str) -> list[str]:
    """Return the folders that hold a model or a comparison; where there is none, all of them."""
    folders = _folders(incomplete)
    ours = [name for name in folders if any((user_path(name) / file).is_file() for file in _MARKS)]
    return ours or folders


def targets(incomplete: str) -> list[str]:
    """Return the kinds of a target whose name is typed."""
    name, colon, _ = incomplete.rpartition(":")
    return [f"{name}:{kind}" for kind in _KINDS] if colon else []


def _folders(incomplete: str) -> list[str]:
    """Return the folders whose paths begin so; hidden ones are left out unless a dot is typed."""
    place, _, begun = incomplete.rpartition("/")
    found = []
    with suppress(OSError, ValueError):
        root = user_path(f"{place}/") if "/" in incomplete else Path()
        with os.scandir(root) as entries:
            for entry, _ in zip(entries, range(_MOST)):
                shown = begun.startswith(".") or not entry.name.startswith(".")
                if shown and entry.name.startswith(begun) and entry.is_dir():
                    found.append(f"{place}/{entry.name}" if "/" in incomplete else entry.name)
    return sorted(found)
