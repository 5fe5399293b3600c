"""``polytask methods`` and ``polytask demo``: what there is, and what it looks like."""

from pathlib import Path
from typing import Annotated

import typer

from polytask.cli.config_file import command_line
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, Quiet, app
from polytask.cli.terminal import say, show

__all__ = ["demo", "methods"]


@app.command(cls=SpokenCommand)
def methods(as_json: Json = False) -> None:
    """List architectures, ways of balancing and few-shot learners: what each does, and where it comes from.

    [bold]Example[/bold]

      polytask methods
    """
    from rich.table import Table

    from polytask.architectures.catalogue import architecture_entries
    from polytask.balancing.catalogue import balancer_entries
    from polytask.meta.catalogue import learner_entries

    architectures = {
        name: {"summary": entry.summary, "reference": entry.reference}
        for name, entry in architecture_entries().items()
    }
    balancing = {
        name: {"needs": entry.needs, "reference": entry.reference}
        for name, entry in balancer_entries().items()
    }
    learners = {
        name: {
            "family": entry.family,
            "transductive": entry.transductive,
            "any number of classes": not entry.fixed_way,
            "reference": entry.reference,
        }
        for name, entry in learner_entries().items()
    }
    architecture = Table("polytask fit --architecture", "how tasks share", "paper", box=None, pad_edge=False)
    for name, entry in architectures.items():
        architecture.add_row(name, entry["summary"], entry["reference"])
    balancer = Table("polytask fit --balancing", "looks at", "paper", box=None, pad_edge=False)
    for name, entry in balancing.items():
        balancer.add_row(name, entry["needs"], entry["reference"])
    learner = Table(
        "polytask learn --learner", "what is learned", "classes", "paper", box=None, pad_edge=False
    )
    for name, entry in learner_entries().items():
        kind = f"{entry.family}, transductive" if entry.transductive else entry.family
        learner.add_row(name, kind, "as trained" if entry.fixed_way else "any number", entry.reference)
    listed = {"architectures": architectures, "balancing": balancing, "learning": learners}
    show(listed, as_json=as_json, lines=[architecture, "", balancer, "", learner])


@app.command(cls=SpokenCommand)
def demo(
    ctx: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the report.")] = Path("demo"),
    repeats: Annotated[int, typer.Option(help="How often the rows of the table are dealt into folds.")] = 1,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run both halves on built-in data: penguins and glyphs, with a report to read.

    [bold]Example[/bold]

      polytask demo -o demo
    """
    from rich.text import Text

    from polytask.demo import run_demo
    from polytask.report.console import few_shot_table, fit_table

    shown = False if quiet or as_json else None
    outcome = run_demo(output, repeats=repeats, progress=shown, command=command_line(ctx))
    for found in outcome.few_shot:
        if found.warning is not None:
            say(f"note: {found.warning}", style="yellow")
    lines = [
        *(part for one in outcome.questions for part in (Text(one.asked, "bold"), one.conclusion, "")),
        *(fit_table(one.results) for one in outcome.questions if one.name == "penguins" and one.results),
        few_shot_table(outcome.few_shot),
        f"Report written to {outcome.report} ({outcome.seconds:.0f} s).",
    ]
    show(outcome.to_json(), as_json=as_json, lines=lines)
