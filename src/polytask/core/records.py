"""Records out of plain JSON, checked field by field against their annotations."""

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from polytask.core.errors import InputError

__all__ = ["record_from_json"]

Record = TypeVar("Record")
_LARGEST = 10**300  # any whole number below is a finite one


def record_from_json(cls: type[Record], data: Any, *, name: str) -> Record:
    """Build a dataclass of plain fields from a JSON object; nothing is converted by a guess.

    Fields may be `str`, `bool`, `int`, `float` (which takes whole numbers), `None`, literals, dataclasses
    of the same kind, and tuples and mappings of them.

    Args:
        cls: The dataclass.
        data: What was read.
        name: What the object is called in messages.

    Raises:
        InputError: It is no object; a field is unknown, missing, or of another type (all problems at once);
            or the dataclass refuses a value.
    """
    if not isinstance(data, dict):
        raise InputError(f"{name} is no object, but {_what(data)}.")
    hints, known = get_type_hints(cls), {entry.name: entry for entry in fields(cls)}  # pyright: ignore[reportArgumentType]
    problems = [f"{key!r} is unknown" for key in data if key not in known]
    values = {}
    for key, entry in known.items():
        if key in data:
            try:
                values[key] = _value(hints[key], data[key])
            except _OtherTypeError as wanted:
                problems.append(f"{key!r} must be {wanted}, not {_what(data[key])}")
        elif entry.default is MISSING and entry.default_factory is MISSING:
            problems.append(f"{key!r} is missing")
    if problems:
        raise InputError(f"{name}: {'; '.join(problems[:10])}.")
    return cls(**values)


class _OtherTypeError(Exception):
    """Says what was wanted."""


def _value(hint: Any, value: Any) -> Any:
    """Return the value as the annotation has it."""
    origin, options = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise _OtherTypeError("an object")
        nested = cast("type[Any]", hint)
        return record_from_json(nested, value, name=nested.__name__)
    if origin is Literal:
        if not any(value == option and type(value) is type(option) for option in options):
            raise _OtherTypeError(f"one of {', '.join(map(repr, options))}")
        return value
    if origin in (Union, types.UnionType):
        return _any_of(options, value)
    if origin is tuple:
        if not isinstance(value, list):
            raise _OtherTypeError("a list")
        return tuple(_value(options[0], part) for part in value)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise _OtherTypeError("an object")
        return {key: _value(options[1], part) for key, part in value.items()}
    return _plain(hint, value)


def _any_of(options: tuple[Any, ...], value: Any) -> Any:
    wanted = []
    for option in options:
        try:
            return _value(option, value)
        except _OtherTypeError as error:
            wanted.append(str(error))
    raise _OtherTypeError(" or ".join(wanted))


def _plain(hint: Any, value: Any) -> Any:
    if hint is None or hint is types.NoneType:
        fits, wanted = value is None, "null"
    elif hint is float:
        fits = (isinstance(value, float) and math.isfinite(value)) or _whole(value)
        wanted = "a number"
    elif hint is int:
        fits, wanted = _whole(value), "a whole number"
    else:
        fits, wanted = type(value) is hint, {str: "a text", bool: "true or false"}.get(hint, str(hint))
    if not fits:
        raise _OtherTypeError(wanted)
    return float(value) if hint is float else value


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST


def _what(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
