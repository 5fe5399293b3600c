"""How targets are asked: by a name, or by a name and a kind."""

import shlex
from collections.abc import Collection
from typing import Any, Literal, cast, get_args

from polytask.core.doors import by_door

__all__ = ["TargetKind", "asked_as", "parse_target"]

TargetKind = Literal["regression", "log", "binary", "multiclass", "multilabel"]
"""How a target can be asked: as a kind of task, or as a regression that is learned on a log scale."""


def parse_target(text: str, columns: Collection[str] = ()) -> tuple[str, TargetKind | None]:
    """Split ``NAME`` or ``NAME:KIND``; a colon before anything else is part of the name.

    Args:
        text: What is asked.
        columns: Names of the table; text that is one of them is a name as a whole.

    Example:
        >>> parse_target("sex:binary"), parse_target("sex"), parse_target("Jitter:RAP")
        (('sex', 'binary'), ('sex', None), ('Jitter:RAP', None))
    """
    name, colon, kind = text.rpartition(":")
    if colon and kind in get_args(TargetKind) and text not in columns:
        return name, cast(TargetKind, kind)
    return text, None


def asked_as(name: Any, kind: TargetKind) -> str:
    """Write how a target is asked as a kind.

    Example:
        >>> asked_as("stars", "regression")
        "'stars:regression'"
    """
    text = f"{name}:{kind}"
    return by_door(
        python=repr(text),
        command=f"--target {shlex.quote(text)}",
        estimator=f"kinds={{{str(name)!r}: {kind!r}}}",
    )
