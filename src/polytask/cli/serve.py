"""``polytask serve``: models behind HTTP, with a page to try them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from polytask.cli.completion import models as known_models
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Number, Whole, app, given, more
from polytask.cli.terminal import say

__all__ = ["serve"]


@app.command(cls=SpokenCommand)
def serve(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="Directories of saved models, each served under its last name, or as NAME=DIRECTORY.",
            autocompletion=known_models,
        ),
    ] = None,
    *,
    host: Annotated[str, typer.Option(help="The address to listen at; other machines reach 0.0.0.0.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="0 for any that is free.", min=0, max=65535)] = 8000,
    store: Annotated[
        Path | None,
        typer.Option(help="A folder for models that are made here; left out, they go with the service."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes, one a core.", min=1, max=256)] = 1,
    threads: Annotated[
        Whole, typer.Option(help="Threads of a worker that compute; the processors, dealt among workers.")
    ] = None,
    builtin: Annotated[
        bool,
        typer.Option(
            "--builtin/--no-builtin", help="Serve the encoders that learn classes of examples, too."
        ),
    ] = True,
    demo: Annotated[
        bool, typer.Option("--demo", help="Serve the built-in penguins too, fitted first where they are not.")
    ] = False,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page in a browser once the service answers.")
    ] = False,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="Listen at an address of others without asking for a token.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A name under which the service is asked, as behind a proxy. May be repeated."),
    ] = None,
    proxy: Annotated[
        str | None,
        typer.Option(help="The address of a proxy, which is believed where it says who asks."),
    ] = None,
    body: Annotated[Number, more("MiB of a request (16).")] = None,
    table: Annotated[Number, more("MiB of a table to be fitted (64).")] = None,
    rows: Annotated[Whole, more("Rows or items of a request (10,000).")] = None,
    columns: Annotated[Whole, more("Columns of a table (2,000).")] = None,
    text: Annotated[Whole, more("Characters of a text (20,000).")] = None,
    pixels: Annotated[Number, more("Millions of pixels of an image (24).")] = None,
    sound: Annotated[Number, more("Seconds of a sound (60).")] = None,
    examples: Annotated[Whole, more("Examples that a model may know (2,000).")] = None,
    classes: Annotated[Whole, more("Classes that a model may know (200).", "--max-classes")] = None,
    max_models: Annotated[Whole, more("Models in the store (500).")] = None,
    revisions: Annotated[Whole, more("States of a model that are kept, to undo changes (20).")] = None,
    rate: Annotated[Whole, more("Requests a minute of one client (1,200); 0 for any number.")] = None,
    requests: Annotated[Whole, more("Requests that a worker has open at once (256).")] = None,
    held: Annotated[Number, more("MiB of all requests that a worker has open (512).")] = None,
    queue: Annotated[Whole, more("Requests of a worker that wait for a thread (128).")] = None,
    patience: Annotated[Number, more("Seconds that a request waits at most (30).", "--wait")] = None,
    upload_time: Annotated[Number, more("Seconds that a request may take to arrive (60).")] = None,
    tables: Annotated[Whole, more("Uploaded tables that are kept at once (16).")] = None,
    keep: Annotated[Number, more("Minutes that tables and finished jobs are kept (60).")] = None,
    jobs: Annotated[Whole, more("Fits at once (1).")] = None,
    waiting: Annotated[Whole, more("Fits that wait (4).")] = None,
    fit_time: Annotated[Number, more("Minutes that a fit may take (30).")] = None,
) -> None:
    """Serve models over HTTP: predictions, new tasks from few examples, tables to fit, and a page to try.

    [bold]Examples[/bold]

      polytask serve

      polytask serve --demo --open

      polytask serve penguins intents --store my-models --port 8080

      POLYTASK_SERVE_TOKEN=... polytask serve penguins --host 0.0.0.0 --workers 4

    Everything that is refused for its size or number says so; the limits are options under More settings.
    """
    from polytask.serve.command import run_service

    limits: dict[str, Any] = given(
        body=body, table=table, rows=rows, columns=columns, text=text, pixels=pixels, sound=sound,
        examples=examples, classes=classes, models=max_models, revisions=revisions, rate=rate,
        requests=requests, held=held,
        queue=queue, patience=patience, upload_time=upload_time, tables=tables, keep=keep,
        jobs=jobs, waiting=waiting, fit_time=fit_time,
    )  # fmt: skip
    if store is None:
        say("note: models made here go with the service; --store FOLDER keeps them.", style="yellow")
    run_service(
        models or (), host=host, port=port, store=store, workers=workers, threads=threads, builtin=builtin,
        demo=demo, open_page=open_page, no_token=no_token, hosts=allow_host or (),
        proxy=proxy, limits=limits, say=say,
    )  # fmt: skip
