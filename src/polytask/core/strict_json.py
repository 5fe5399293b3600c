"""JSON as the standard has it: every number finite, every key once, every text encodable."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from polytask.core.errors import InputError

__all__ = ["format_json", "parse_json"]

_MOST_DIGITS = 300
_MOST_BYTES = 32 * 2**20
"""A text of brackets takes some twenty times its size in memory."""


def format_json(value: Any, *, indent: int | None = 2) -> str:
    """Write plain values as JSON.

    Raises:
        InputError: A number is NaN or infinite; the message says where. Or a text is no valid Unicode.

    Example:
        >>> format_json({"rmse": 0.5}, indent=None)
        '{"rmse": 0.5}'
        >>> format_json({"rmse": [1.0, float("nan")]})
        Traceback (most recent call last):
        polytask.core.errors.InputError: `rmse/1` is nan, which JSON cannot hold. ...
    """
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"A text cannot be written as JSON: {error}. Correct its characters.") from error
    except ValueError as error:
        where = _not_finite(value, ())
        if where is None:
            raise
        raise InputError(
            f"`{'/'.join(where[0])}` is {where[1]}, which JSON cannot hold. Where training diverged, "
            "lower the learning rate; otherwise leave the value out."
        ) from error
    return text


def parse_json(content: bytes) -> Any:
    """Read JSON strictly.

    Raises:
        InputError: It is none, or not UTF-8, too large or too deep; a number is not finite or immense,
            or a key stands twice in an object.

    Example:
        >>> parse_json(b'{"a": 1, "a": 2}')
        Traceback (most recent call last):
        polytask.core.errors.InputError: the key 'a' stands twice
    """
    if len(content) > _MOST_BYTES:
        raise InputError(f"it has {len(content):,} bytes, more than {_MOST_BYTES:,}")
    try:
        value = json.loads(
            content.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_distinct,
        )
        if b"\\u" in content:  # perhaps a lone surrogate, which no file can hold
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except InputError:
        raise
    except RecursionError as error:
        raise InputError("it is nested too deeply") from error
    except ValueError as error:  # of JSON, or of the encoding
        raise InputError(str(error)) from error
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise InputError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InputError(f"the number {text[:40]} is too large")
    return number


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise InputError(f"the number {text[:40]} is too large")
    return int(text)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise InputError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return found


def _not_finite(value: Any, path: tuple[str, ...]) -> tuple[tuple[str, ...], float] | None:
    """Find the first number that is not finite, and where it stands."""
    if isinstance(value, float) and not math.isfinite(value):
        return path, value
    items: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        items = list(enumerate(value))
    return next(
        (found for key, part in items if (found := _not_finite(part, (*path, str(key)))) is not None), None
    )
