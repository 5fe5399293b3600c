"""What the command writes, and where it goes: never markup, never a traceback because nobody reads it."""

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from polytask.report.names import printable

__all__ = ["prepare_streams", "say", "show"]

# File names, column names and classes are never markup, links or emoji codes.
_out = Console(markup=False, emoji=False, highlight=False)
_err = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def prepare_streams() -> None:
    """Make standard output and error usable, whoever started the process.

    A closed one (``>&-``) becomes the null device, so that no file of ours gets its number; a character
    that the terminal's encoding lacks is written as its code.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number: this one
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            null = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open to the process's end
            setattr(sys, name, null)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str, *, style: str = "") -> None:
    """Write a message to standard error; whoever does not listen misses it."""
    with _err.capture() as capture:
        _err.print(Text(printable(text, keep_lines=True), style=style), soft_wrap=True)
    try:
        sys.stderr.write(capture.get())
        sys.stderr.flush()
    except OSError:
        _silence(sys.stderr)


def show(summary: Mapping[str, Any], *, as_json: bool, lines: Sequence[RenderableType]) -> None:
    """Write the result to standard output, as JSON or as lines.

    Raises:
        OSError: The output is a file that cannot take it; a reader who has gone is no error.
    """
    if as_json:
        text = _json(summary)
    else:
        with _out.capture() as capture:
            for line in lines:
                _out.print(Text(printable(line, keep_lines=True)) if isinstance(line, str) else line)
        text = capture.get()
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
    except OSError:
        _silence(sys.stdout)  # or Python would try once more at its end
        raise


def _json(summary: Mapping[str, Any]) -> str:
    """Write strict JSON, which has no NaN; in ASCII where the output's encoding has no more."""
    strict = _strict(summary)
    text = json.dumps(strict, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeError:
        return json.dumps(strict, indent=2, allow_nan=False) + "\n"
    return text


def _strict(value: Any) -> Any:
    """Replace numbers that are not finite by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _strict(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(entry) for entry in value]
    return value


def _silence(stream: TextIO) -> None:
    """Send what is still buffered nowhere."""
    with suppress(OSError, ValueError):  # a stream without a file, as in tests
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
