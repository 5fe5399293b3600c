"""How a command ends when it cannot go on: one message, in the words of that command, and an exit code."""

import ast
import re
import shlex
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from polytask.cli.terminal import say
from polytask.core import DataWarning, InputError, MissingPackageError, PolytaskError, ResultWarning
from polytask.core.doors import at_the_command
from polytask.core.interrupts import interruptible

__all__ = ["SpokenCommand", "as_options", "spoken"]

# Functions and methods of Python, and the commands that do the same.
_CALLS = {
    "polytask.fit": "polytask fit",
    "polytask.compare": "polytask compare",
    "polytask.relate": "polytask relate",
    "polytask.learn": "polytask learn",
    "polytask.adapt": "polytask adapt",
    "polytask.update": "polytask update",
    "polytask.load": "polytask predict",
    "FewShotModel.adapt": "polytask adapt",
}
# Settings of the Python functions that have another name here.
_ALIASES = {
    "time_column": "time",
    "weight_column": "weight",
    "targets": "target",
    "class_weights": "class_weight",
    "target_weights": "target_weight",
    "metrics": "metric",
    "n_episodes": "test_episodes",
    "episodes": "episodes_per_step",
    "progress": "quiet",
    "candidates": "candidate",
    "spaces": "space",
    "settings": "setting",
    "directory": "output",
    "root": "to",
}


# Options that were called otherwise: these names still work for one release.
_RENAMED = {"--sharing": "--architecture", "--checkpoint": "--resume-folder", "--seeds": "--repeats"}


class SpokenCommand(TyperCommand):
    """A command that ends with one message: exit code 2 for bad input, 1 for other failures, 130 for
    Ctrl-C."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words that were typed; options under their old names are noted."""
        typed = {option for parameter in self.params for option in parameter.opts}
        for index, word in enumerate(args):
            old, equals, value = word.partition("=")
            new = _RENAMED.get(old)
            if new in typed and old not in typed:
                say(f"note: {old} is now {new}; the old name goes with the next release.", style="yellow")
                args[index] = f"{new}{equals}{value}"
        self._know_others(ctx)
        if (told := self._of_others(args)) is not None:
            raise self._failed(told, code=2)
        try:
            return super().parse_args(ctx, args)
        except InputError as error:  # of a file of options
            raise self._failed(str(error), code=2) from error

    def invoke(self, ctx: Any) -> Any:
        """Run the command; warnings about data and results are shown as notes."""
        self._know_others(ctx)
        with warnings.catch_warnings():
            for category in (DataWarning, ResultWarning):
                warnings.simplefilter("always", category)
            warnings.showwarning = self._note
            running = _RUNNING.set(self)
            try:
                with at_the_command(), _interruptible(self.name, ctx.params):
                    return super().invoke(ctx)
            except (InputError, MissingPackageError) as error:
                raise self._failed(str(error), code=2) from error
            except PolytaskError as error:
                raise self._failed(str(error), code=1) from error
            except OSError as error:
                where = f"{error.filename}: " if error.filename else ""
                raise self._failed(f"{where}{error.strerror or error}.", code=1) from error
            except KeyboardInterrupt as stop:
                say(self._spoken(str(stop) or "Stopped."), style="yellow")
                raise typer.Exit(130) from stop
            finally:
                _RUNNING.reset(running)

    def _know_others(self, ctx: Any) -> None:
        root = ctx.find_root().command
        self.others = {name: other for name, other in root.commands.items() if other is not self}

    def _of_others(self, args: Sequence[str]) -> str | None:
        """Say of the first option that this command has not which ones have it; None where none has."""
        own = _options(self)
        for before, word in zip(["", *args], args, strict=False):
            option = word.partition("=")[0]
            if option == "--":
                return None
            if not option.startswith("--") or option in own or own.get(before):
                continue
            if having := [
                f"polytask {name}" for name, other in self.others.items() if option in _options(other)
            ]:
                commands = ", ".join(having[:-1]) + (" and " if len(having) > 1 else "") + having[-1]
                return f"polytask {self.name} has no {option}. It belongs to {commands}; leave it out here."
        return None

    def _spoken(self, text: str) -> str:
        return as_options(text, self, self.others)

    def _failed(self, text: str, *, code: int) -> typer.Exit:
        say(f"error: {self._spoken(text)}", style="red")
        return typer.Exit(code)

    def _note(self, message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, (DataWarning, ResultWarning)):
            say(f"note: {self._spoken(str(message))}", style="yellow")


_RUNNING: ContextVar[SpokenCommand | None] = ContextVar("_RUNNING", default=None)


def spoken(text: str) -> str:
    """Write a message in the words of the command that is running; elsewhere as it is."""
    command = _RUNNING.get()
    return text if command is None else as_options(text, command, command.others)


def _interruptible(command: str | None, parameters: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Let a command say at SIGINT and SIGTERM what is kept, which for most is nothing."""
    if command == "compare":
        from polytask.compare.cells import RECORD_FILE  # not where help is all that is asked

        return interruptible(
            parameters["table"] if parameters["worker"] else parameters["output"],
            again="run the same command again",
            keep="--output FOLDER",
            name="folder of the comparison",
            saved_as=RECORD_FILE,
        )
    if "resume_folder" not in parameters or (command == "learn" and not _of_images(parameters)):
        return interruptible()  # what it trains inside knows options that this command lacks
    folder = parameters["resume_folder"]
    again = f"run the same command again with --resume-folder {shlex.quote(str(folder))}"
    return interruptible(folder, again=again, keep="--resume-folder FOLDER")


def _of_images(parameters: Mapping[str, Any]) -> bool:
    """Tell whether a call of learn is one on images, which alone keeps what it has done."""
    others = ("task_column", "kind", "item_column", "label_column", "encoder")
    return not any(parameters[name] for name in others) and not Path(parameters["source"]).is_file()


def as_options(text: str, command: Any, others: Mapping[str, Any] | None = None) -> str:
    """Write the settings and functions that a message names in backticks as what can be typed.

    Args:
        text: The message.
        command: The command that failed.
        others: The other commands by name; a setting that only one of them has is named with it.

    Example:
        >>> from types import SimpleNamespace
        >>> rate = SimpleNamespace(name="learning_rate", opts=["--learning-rate"], param_type_name="option")
        >>> command = SimpleNamespace(params=[rate])
        >>> as_options("Lower `learning_rate`, for example `learning_rate=0.001`.", command)
        'Lower --learning-rate, for example --learning-rate 0.001.'
    """

    def option(match: re.Match[str]) -> str:
        value = f" {_typed(match[2])}" if match[2] else ""
        if (own := _option(match[1], command)) is not None:
            return own + value
        for name, other in (others or {}).items():
            if (theirs := _option(match[1], other)) is not None and theirs.startswith("--"):
                return f"`polytask {name} {theirs}{value}`"
        return match[0]

    for function, typed in _CALLS.items():
        text = text.replace(f"`{function}`", f"`{typed}`")
    return re.sub(r"`([a-z_]+)(?:=('[^`]*'|\"[^`]*\"|[^`(]*))?`", option, text)


def _options(command: Any) -> dict[str, bool]:
    """Return the options of a command, and whether a value follows each."""
    return {
        word: not parameter.is_flag
        for parameter in command.params
        if parameter.param_type_name == "option"
        for word in (*parameter.opts, *parameter.secondary_opts)
    }


def _typed(value: str) -> str:
    """Write a value as the shell takes it; what is no text of Python stays as it is."""
    try:
        text = ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return value
    return shlex.quote(text) if isinstance(text, str) else value


def _option(setting: str, command: Any) -> str | None:
    """Return how a setting is typed: an option's longest name, an argument's placeholder."""
    typed = {
        parameter.name: max(parameter.opts, key=len)
        if parameter.param_type_name == "option"
        else parameter.name.upper()
        for parameter in command.params
    }
    return typed.get(_ALIASES.get(setting, setting), typed.get(setting))
