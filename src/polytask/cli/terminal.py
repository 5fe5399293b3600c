"""What the command writes, and where it goes: never markup, never a traceback because nobody reads it."""

import io
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from polytask.core.names import printable
from polytask.core.watching import watched

if TYPE_CHECKING:  # a message needs no torch
    from polytask.models.few_shot_results import FewShotResults
    from polytask.models.in_context_results import InContextResults
    from polytask.models.table_results import FitResults
    from polytask.models.task_table_results import TaskTableResults

__all__ = ["prepare_streams", "say", "show", "show_trained", "working"]


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
    text = _rendered(sys.stderr, Text(printable(text, keep_lines=True), style=style), soft_wrap=True)
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _silence(sys.stderr)


def show(summary: Mapping[str, Any], *, as_json: bool, lines: Sequence[RenderableType]) -> None:
    """Write the result to standard output, as JSON or as lines.

    Raises:
        OSError: The output is a file that cannot take it; a reader who has gone is no error.
    """
    plain = [Text(printable(line, keep_lines=True)) if isinstance(line, str) else line for line in lines]
    text = _json(summary) if as_json else _rendered(sys.stdout, *plain)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
    except OSError:
        _silence(sys.stdout)  # or Python would try once more at its end
        raise


def show_trained(
    results: "FitResults | TaskTableResults | FewShotResults | InContextResults",
    table: RenderableType,
    *,
    output: Path,
    as_json: bool,
    more: Sequence[str] = (),
) -> None:
    """Write what a training found, and where its model is; see `show`."""
    where = f"Model written to {output} ({results.seconds:.0f} s of training)."
    show({"model": str(output), **results.to_json()}, as_json=as_json, lines=[table, where, *more])


@contextmanager
def working(title: str, *, quiet: bool, as_json: bool) -> Iterator[None]:
    """Show a person who watches that a command is at work which has no steps to count, while a block runs.

    Args:
        title: What it does.
        quiet: Show nothing.
        as_json: Likewise.
    """
    if quiet or as_json or not watched():
        yield
        return
    with Console(stderr=True, markup=False, emoji=False).status(Text(title)):
        yield


def _rendered(stream: TextIO, *lines: RenderableType, soft_wrap: bool = False) -> str:
    """Lay lines out for a stream; what they hold is never markup, a link or an emoji code."""
    console = Console(
        file=io.StringIO(), force_terminal=stream.isatty(), markup=False, emoji=False, highlight=False
    )
    with console.capture() as capture:
        for line in lines:
            console.print(line, soft_wrap=soft_wrap)
    return capture.get()


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
