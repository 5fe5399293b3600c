"""The file of a run: written beside or into what the run makes, and read again by ``--config``.

It is flat TOML: ``command``, ``polytask`` (the version that wrote it), and every option by its name, without
the dashes. What is typed beside ``--config`` wins over what the file says.
"""

import inspect
import json
import math
import shlex
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

import typer

from polytask.core.errors import InputError
from polytask.core.files import user_path
from polytask.core.names import name_problem
from polytask.models.bundle_folder import DESCRIPTION, named_file
from polytask.version import __version__

__all__ = ["CONFIG_FILE", "Config", "command_line", "run_text"]

CONFIG_FILE = "config.toml"
"""What the file of a run is called."""

_OF_SHOWING = ("config", "as_json", "quiet", "dry_run", "worker")
"""How a run is shown or started, which is no part of what it is."""

_LARGEST = 1 << 20  # bytes of a file that is read


def _read_config(ctx: typer.Context, path: Path | None) -> Path | None:
    """Take the file's values as defaults of the options that are not typed."""
    if path is not None and not ctx.resilient_parsing:
        ctx.default_map = _values(ctx, path)
    return path


Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="A file with options, or the model or comparison that has one: that of the run that made it. "
        "What is typed wins.",
        is_eager=True,
        callback=_read_config,
        show_default=False,
    ),
]


def command_line(ctx: typer.Context) -> str:
    """Write the command line that does the same again."""
    return f"polytask {ctx.info_name} {shlex.join(_typed(ctx))}"


def run_text(ctx: typer.Context) -> str:
    """Write the configuration of a run: how to start it again, and every option with its value."""
    lines = [
        f"# Written by polytask {__version__}. The same run again, called in the same folder:",
        _comment(command_line(ctx)),
        "",
        f"command = {_literal(str(ctx.info_name))}",
        f"polytask = {_literal(__version__)}",
    ]
    for parameter in _parameters(ctx.command):
        key, value = _key(parameter), ctx.params.get(parameter.name)
        if value is None or (isinstance(value, list | tuple) and not value):
            lines.append(f"# {key} is left out{_described(parameter)}")
        elif not all(map(_writable, map(str, value if isinstance(value, list | tuple) else [value]))):
            lines.append(f"# {key} is a text that TOML cannot hold.")
        else:
            lines.append(f"{key} = {_literal(value)}")
    return "\n".join(lines) + "\n"


def _values(ctx: typer.Context, path: Path) -> dict[str, Any]:
    """Read the file, and check all that it says.

    Raises:
        InputError: It cannot be read, or is wrong; all problems at once.
    """
    file = _file(path)
    given = _parsed(file)
    wrote = given.pop("polytask", __version__)
    command = given.pop("command", ctx.info_name)
    if command != ctx.info_name:
        raise InputError(
            f"{file} is the configuration of `polytask {command}`, not of `polytask {ctx.info_name}`. Give "
            "it to that command, or change its line `command`."
        )
    known = {_key(parameter): parameter for parameter in _parameters(ctx.command, also=("quiet", "as_json"))}
    hints = get_type_hints(inspect.unwrap(cast("Callable[..., Any]", ctx.command.callback)))
    values, problems = {}, []
    for name, value in given.items():
        key = name.replace("_", "-")
        if key not in known:
            problems.append(name_problem(f"there is no option {name!r}", key, known))
            continue
        option, hint = known[key].name, hints[known[key].name]
        taken = _listed(hint, value)
        if (wanted := _wrong(hint, taken)) is not None:
            problems.append(f"{name!r} must be {wanted}, got {_shown(value)}")
        elif option in values:
            problems.append(f"{name!r} stands there twice, with `-` and with `_`")
        else:
            values[option] = taken
    if problems:
        other = "" if wrote == __version__ else f" It was written by polytask {wrote}, this is {__version__}."
        raise InputError(f"{file}: {'; '.join(problems)}.{other}")
    return values


def _file(path: Path) -> Path:
    """Return the file that a path means: itself, or that of a model or comparison."""
    place = user_path(path)
    if not place.is_dir():
        return place
    file = named_file(place, CONFIG_FILE) if (place / DESCRIPTION).is_file() else place / CONFIG_FILE
    if file is None or not file.is_file():
        raise InputError(
            f"{path} has no {CONFIG_FILE}: it was not made by a command, or by an earlier version. Give a "
            "file, or type the options."
        )
    return file


def _parsed(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise InputError(f"{file} is too long for a configuration. Give a file of TOML.")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}. Give a file of TOML.") from error
    except (ValueError, RecursionError) as error:  # of decoding, of TOML
        raise InputError(f"{file} is no TOML: {error}. Mend it, or type the options.") from error


def _listed(hint: Any, value: Any) -> Any:
    """Take one text for a list of one, where an option may be repeated; earlier versions wrote it so."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    takes_list = any(get_origin(option) is list for option in options) and str not in options
    return [value] if takes_list and isinstance(value, str) else value


def _wrong(hint: Any, value: Any) -> str | None:
    """Return what a value should be, where it is something else; nothing is converted by a guess."""
    if get_origin(hint) is list:
        (of,) = get_args(hint)
        fits = isinstance(value, list) and all(_wrong(of, one) is None for one in value)
        return None if fits else "a list of texts"
    if get_origin(hint) in (Union, UnionType):
        options = [option for option in get_args(hint) if option is not NoneType]
        wanted = [_wrong(option, value) for option in options]
        return None if None in wanted else " or ".join(filter(None, wanted))
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        return None if isinstance(value, str) and value in choices else f"one of {', '.join(choices)}"
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits, wanted = {
        bool: (isinstance(value, bool), "true or false"),
        int: (whole, "a whole number"),
        float: (whole or isinstance(value, float), "a number"),
    }.get(hint, (isinstance(value, str), "a text"))
    return None if fits else wanted


def _parameters(command: Any, *, also: tuple[str, ...] = ()) -> list[Any]:
    """Return what makes a run what it is, arguments first."""
    ours = [one for one in command.params if one.name not in _OF_SHOWING or one.name in also]
    return sorted(ours, key=lambda one: one.param_type_name != "argument")


def _key(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return parameter.name.replace("_", "-")
    return max(parameter.opts, key=len).lstrip("-")


def _typed(ctx: typer.Context) -> list[str]:
    """Return the words that give the run again; options with their defaults are left out."""
    words: list[str] = []
    options: list[str] = []
    for parameter in _parameters(ctx.command):
        value = ctx.params.get(parameter.name)
        values = list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
        if parameter.param_type_name == "argument":
            words += map(str, values)
        elif value == parameter.default:
            continue
        elif isinstance(value, bool):
            options.append((parameter.opts if value else parameter.secondary_opts)[0])
        else:
            for one in values:
                options += [max(parameter.opts, key=len), str(one)]
    return [*options, "--", *words] if any(word.startswith("-") for word in words) else [*words, *options]


def _described(parameter: Any) -> str:
    """Say what an option is about, with what it is by default."""
    text = " ".join((parameter.help or "").split())
    return f": {text[:1].lower()}{text[1:]}" if text else "."


def _comment(text: str) -> str:
    if not _writable(text) or any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        return "# (it has names that a comment cannot hold; see below)"
    return f"#   {text}"


def _writable(text: str) -> bool:
    """Tell whether a text can be written in UTF-8; names of files need not."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _literal(value: Any) -> str:
    """Write a value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, Mapping) else "a table"
    return text if len(text) <= 60 else f"{text[:60]}…"
