"""A run: something that a user can do, and what must come of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Run", "asked"]


@dataclass(frozen=True, slots=True)
class Run:
    """Something that a user can do, and how it is done here; it raises where it does not end as it should."""

    name: str
    act: Callable[[], object]


def asked(*arguments: object, code: int = 0, says: str | Sequence[str] = ()) -> Run:
    """Type a command.

    Args:
        arguments: Its words, without ``polytask``.
        code: The exit code that it must end with: 2 where the input is wrong, 1 for other failures.
        says: What its output must hold, line breaks aside.
    """
    words = [str(argument) for argument in arguments]
    expected = [says] if isinstance(says, str) else list(says)

    def act() -> None:
        from typer.testing import CliRunner

        from polytask.cli.options import app

        result = CliRunner().invoke(app, words)
        shown = " ".join(result.output.split())
        missing = [text for text in expected if text not in shown]
        if result.exit_code != code or missing:
            raise RuntimeError(
                f"exit code {result.exit_code}; not said: {missing}\n{result.output}"
            ) from result.exception

    return Run(f"polytask {' '.join(words)}", act)
