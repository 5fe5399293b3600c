"""``polytask datasets``: the named datasets, and their files."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, Quiet, app
from polytask.cli.terminal import show, working
from polytask.core import InputError
from polytask.datasets.registry import DATASETS, Dataset

__all__ = ["datasets"]


@app.command(cls=SpokenCommand)
def datasets(
    action: Annotated[
        Literal["list", "fetch", "make"],
        typer.Argument(help="List all datasets, fetch the files of one, or make them of official files."),
    ] = "list",
    name: Annotated[
        str | None,
        typer.Argument(help="Which one.", autocompletion=lambda: list(DATASETS), show_default=False),
    ] = None,
    official: Annotated[
        Path | None,
        typer.Argument(help="The official file or folder of which it is made.", show_default=False),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            help="The folder that holds those of all datasets (the one that POLYTASK_DATA names).",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the named datasets: what they are, under which licence, whether they are here; fetch or make one.

    [bold]Examples[/bold]

      polytask datasets

      polytask datasets fetch omniglot --to ~/data

      polytask datasets make spoken_digits free-spoken-digit-dataset/ --to ~/data
    """
    if action == "list":
        if name is not None:
            raise InputError(f"`name` is {name!r}, but list lists all. To fetch it: datasets fetch {name}.")
        _show_list(to, as_json=as_json)
        return
    if name is None:
        takes = [known for known, dataset in DATASETS.items() if action == "fetch" or dataset.maker]
        raise InputError(f"`name` is missing; {action} takes one of {', '.join(takes)}.")
    if action == "make":
        _make(name, official, to, as_json=as_json, quiet=quiet)
        return
    if official is not None:
        raise InputError(f"`official` is {str(official)!r}, but fetch gets files by itself. Leave it out.")
    from polytask.datasets import download

    folder = download(name, to, progress=False if quiet or as_json else None)
    files = [str(folder / file.path) for file in DATASETS[name].files]
    summary = {"name": name, "folder": str(folder), "files": files}
    show(summary, as_json=as_json, lines=[f"{name} is in {folder}, checksums verified."])


def _make(name: str, official: Path | None, to: Path | None, *, as_json: bool, quiet: bool) -> None:
    from polytask.datasets.making import made_dataset, make

    origin = made_dataset(name).address
    if official is None:
        raise InputError(f"`official` is missing; name the official file or folder. They come from {origin}.")
    with working(f"datasets: making {name}", quiet=quiet, as_json=as_json):
        folder = make(name, official, to)
    show({"name": name, "folder": str(folder)}, as_json=as_json, lines=[f"{name} is in {folder}."])


def _show_list(root: Path | None, *, as_json: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("name", min_width=max(map(len, DATASETS)))  # what is to be typed is never cut
    for heading in ("what", "tasks", "licence", "here"):
        table.add_column(heading)
    summary = {}
    for dataset in DATASETS.values():
        here = _here(dataset, root)
        cells = (dataset.name, dataset.about, dataset.tasks, dataset.licence, here)
        table.add_row(*map(Text, cells))
        summary[dataset.name] = {
            "about": dataset.about,
            "tasks": dataset.tasks,
            "licence": dataset.licence,
            "here": here,
            "folder": dataset.folder,
            "address": dataset.address or None,
            "fetched": bool(dataset.files),
            "reference": dataset.reference,
        }
    given = root or os.environ.get("POLYTASK_DATA") or None
    where = (
        "No data folder is named: set POLYTASK_DATA, or give --to."
        if given is None
        else f"Data folder: {given}"
    )
    how = "Those of `by hand` have no file that could be fetched; their addresses are in --json."
    show(
        {"data_folder": given and str(given), "datasets": summary},
        as_json=as_json,
        lines=[table, "", where, how],
    )


def _here(dataset: Dataset, root: Path | None) -> str:
    """Say whether a dataset can be used at once, or how it comes."""
    from polytask.datasets.fetching import is_present

    if dataset.folder is None:
        return "built in" if dataset.extra == "builtin" else "made"
    if (root or os.environ.get("POLYTASK_DATA")) and is_present(dataset, root):
        return "yes"
    return "fetch" if dataset.files else "by hand"
