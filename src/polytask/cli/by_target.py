"""Options that are given for one target each: ``NAME=VALUE``, ``NAME:CLASS=NUMBER``."""

from collections.abc import Sequence
from typing import Any

from polytask.core import InputError

__all__ = ["class_weights", "names", "numbers"]


def class_weights(typed: Sequence[str], targets: Sequence[str]) -> Any:
    """Read ``balanced``, ``NAME=balanced`` and ``NAME:CLASS=NUMBER``.

    Args:
        typed: The options.
        targets: As they are asked, ``NAME`` or ``NAME:KIND``.

    Raises:
        InputError: One is nothing of this.

    Example:
        >>> class_weights(["sold=balanced", "size:big=2.5"], ["sold", "size:multiclass"])
        {'sold': 'balanced', 'size': {'big': 2.5}}
    """
    if not typed:
        return None
    if "balanced" in typed:
        if len(typed) > 1:
            raise InputError("--class-weight balanced is for all targets; leave out the others, or this one.")
        return "balanced"
    found: dict[str, Any] = {}
    for text in typed:
        left, equals, value = text.rpartition("=")
        name = _target(left, targets)
        label = left.removeprefix(name).removeprefix(":")
        if not equals or (value != "balanced") != bool(label):
            raise _unreadable("--class-weight", text, "balanced, NAME=balanced or NAME:CLASS=NUMBER")
        if name in found and isinstance(found[name], str) != (not label):
            raise InputError(f"--class-weight gives {name!r} both balanced and other weights.")
        if label:
            found.setdefault(name, {})[label] = _number("--class-weight", text, value)
        else:
            found[name] = value
    return found


def numbers(option: str, typed: Sequence[str]) -> dict[str, float] | None:
    """Read ``NAME=NUMBER`` of an option that may be repeated; None where it was not typed.

    Raises:
        InputError: One is nothing of this.

    Example:
        >>> numbers("--target-weight", ["sold=2", "a=b=0.5"])
        {'sold': 2.0, 'a=b': 0.5}
    """
    texts = names(option, typed, "NUMBER") or {}
    return {name: _number(option, f"{name}={value}", value) for name, value in texts.items()} or None


def names(option: str, typed: Sequence[str], what: str) -> dict[str, str] | None:
    """Read ``NAME=TEXT`` of an option that may be repeated; None where it was not typed.

    Args:
        option: As it is typed.
        typed: The texts.
        what: What comes after the equals sign.

    Raises:
        InputError: One is nothing of this.
    """
    found: dict[str, str] = {}
    for text in typed:
        name, equals, value = text.rpartition("=")
        if not equals or not name:
            raise _unreadable(option, text, f"NAME={what}")
        if name in found:
            raise InputError(f"{option} is given twice for {name!r}. Give it once.")
        found[name] = value
    return found or None


def _target(text: str, targets: Sequence[str]) -> str:
    """Return the target that a text begins with; what it names where there is none, which is then refused."""
    from polytask.data.tables.target_kinds import parse_target

    names = {name for asked in targets for name in (asked, parse_target(asked)[0])}
    fitting = [name for name in names if text == name or text.startswith(f"{name}:")]
    return max(fitting, key=len, default=text.partition(":")[0])


def _number(option: str, text: str, value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise InputError(f"{option} {text!r}: {value!r} is no number.") from error


def _unreadable(option: str, text: str, forms: str) -> InputError:
    return InputError(f"{option} {text!r} cannot be read; write {forms}.")
