"""How a command ends when it cannot go on: one message, in the words of that command, and an exit code."""

import re
import warnings
from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperCommand

from polytask.cli.terminal import say
from polytask.core import DataWarning, InputError, MissingPackageError, PolytaskError, ResultWarning

__all__ = ["SpokenCommand", "as_options"]

# Settings of the Python functions that have another name here.
_ALIASES = {
    "time_column": "time",
    "targets": "target",
    "n_episodes": "test_episodes",
    "episodes": "episodes_per_step",
    "progress": "quiet",
}


class SpokenCommand(TyperCommand):
    """A command that ends with one message: exit code 2 for bad input, 1 for other failures, 130 for
    Ctrl-C."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; warnings about data and results are shown as notes."""
        with warnings.catch_warnings():
            for category in (DataWarning, ResultWarning):
                warnings.simplefilter("always", category)
            warnings.showwarning = self._note
            try:
                return super().invoke(ctx)
            except (InputError, MissingPackageError) as error:
                raise self._failed(str(error), code=2) from error
            except PolytaskError as error:
                raise self._failed(str(error), code=1) from error
            except OSError as error:
                where = f"{error.filename}: " if error.filename else ""
                raise self._failed(f"{where}{error.strerror or error}.", code=1) from error
            except KeyboardInterrupt as stop:
                say(as_options(str(stop) or "Stopped.", self), style="yellow")
                raise typer.Exit(130) from stop

    def _failed(self, text: str, *, code: int) -> typer.Exit:
        say(f"error: {as_options(text, self)}", style="red")
        return typer.Exit(code)

    def _note(self, message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, (DataWarning, ResultWarning)):
            say(f"note: {as_options(str(message), self)}", style="yellow")


def as_options(text: str, command: Any) -> str:
    """Write the settings that a message names in backticks as the command's options.

    Example:
        >>> from types import SimpleNamespace
        >>> rate = SimpleNamespace(name="learning_rate", opts=["--learning-rate"], param_type_name="option")
        >>> command = SimpleNamespace(params=[rate])
        >>> as_options("Lower `learning_rate`.", command)
        'Lower --learning-rate.'
    """
    options = _options(command)

    def option(match: re.Match[str]) -> str:
        name = match[1]
        return options.get(_ALIASES.get(name, name), options.get(name, match[0]))

    return re.sub(r"`([a-z_]+)`", option, text)


def _options(command: Any) -> Mapping[str, str]:
    """Return how each parameter is typed: an option's longest name, an argument's placeholder."""
    return {
        parameter.name: max(parameter.opts, key=len)
        if parameter.param_type_name == "option"
        else parameter.name.upper()
        for parameter in command.params
    }
