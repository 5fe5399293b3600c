"""The application, and the options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from polytask.cli.completion import accelerators
from polytask.cli.terminal import show
from polytask.version import __version__

__all__ = [
    "Accelerator",
    "Json",
    "ModelDirectory",
    "Number",
    "Quiet",
    "ResumeFolder",
    "Seed",
    "Whole",
    "app",
    "given",
    "more",
]

app = typer.Typer(
    name="polytask",
    help="Learn many tasks together; learn the next one fast.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


Json = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON on standard output, and nothing else.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.")]
ModelDirectory = Annotated[Path, typer.Option("-o", "--output", help="The model directory to write.")]
ResumeFolder = Annotated[
    Path | None, typer.Option(help="A folder; call again with it to continue a killed run.")
]
Accelerator = Annotated[str, typer.Option(help="cpu, cuda, mps or auto.", autocompletion=accelerators)]
MORE = "More settings"  # of the same name in Python


def more(help: str, name: str | None = None, *, complete: Callable[[], list[str]] | None = None) -> Any:
    """Declare a setting that is seldom needed; left out, it has its default."""
    names = [] if name is None else [name]
    return typer.Option(*names, help=help, rich_help_panel=MORE, show_default=False, autocompletion=complete)


Whole: TypeAlias = int | None
Number: TypeAlias = float | None


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        show({"version": __version__}, as_json=False, lines=[f"polytask {__version__}"])
        raise typer.Exit


def given(**settings: Any) -> dict[str, Any]:
    """Leave out the settings that were not typed."""
    return {name: value for name, value in settings.items() if value is not None}
