"""``--space``: between which settings a search chooses, as it is typed."""

import json
import re
from collections.abc import Sequence
from typing import Any

from polytask.core import InputError

__all__ = ["spaces"]

_FORM = re.compile(r"(?P<candidate>.+):(?P<setting>[A-Za-z_][A-Za-z0-9_-]*)=(?P<values>.+)")
_SPAN = re.compile(r"(?P<low>[^,]+?)\.\.(?P<high>[^,]+?)(?P<log>:log)?")


def spaces(typed: Sequence[str]) -> dict[str, dict[str, Any]] | None:
    """Read ``CANDIDATE:SETTING=VALUES`` of an option that may be repeated; None where it was not typed.

    Args:
        typed: The texts; values are ``low..high``, ``low..high:log``, or some with commas between.

    Raises:
        InputError: One is nothing of this.

    Example:
        >>> spaces(["linear:alpha=0.1..10:log", "joint:hard:width=16..64", "knn:weights=flat,sloped"])
        {'linear': {'alpha': (0.1, 10, 'log')}, 'joint:hard': {'width': (16, 64)},
         'knn': {'weights': ['flat', 'sloped']}}
    """
    found: dict[str, dict[str, Any]] = {}
    for text in typed:
        match = _FORM.fullmatch(text)
        if match is None:
            raise InputError(
                f"--space takes CANDIDATE:SETTING=VALUES, such as linear:alpha=0.1..10; got {text!r}."
            )
        settings, name = found.setdefault(match["candidate"], {}), match["setting"].replace("-", "_")
        if name in settings:
            raise InputError(f"--space gives {name} of {match['candidate']!r} twice. Give it once.")
        settings[name] = _values(match["values"], text)
    return found or None


def _values(typed: str, text: str) -> Any:
    span = _SPAN.fullmatch(typed)
    if span is None:
        return [_value(one.strip()) for one in typed.split(",")]
    ends = _value(span["low"]), _value(span["high"])
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
        raise InputError(f"--space {text!r}: {typed.removesuffix(':log')!r} is no lower and higher number.")
    return (*ends, "log") if span["log"] else ends


def _value(typed: str) -> Any:
    """Read a number, true, false or null; anything else is a text."""
    try:
        found = json.loads(typed)
    except ValueError:
        return typed
    return found if found is None or isinstance(found, bool | int | float | str) else typed
