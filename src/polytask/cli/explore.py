"""``polytask methods`` and ``polytask demo``: what there is, and what it looks like."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polytask.cli.config_file import command_line
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, Quiet, app
from polytask.cli.terminal import say, show

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["demo", "methods"]

COMPARED = (
    "Beside hard sharing and equal weights: where a method is clearly better or worse on the sets of our "
    "comparison (benchmarks/quality/every_method.py). Unseen letters: right answers among 5 letters of "
    "scripts never seen, one example each, all learners trained for the same time "
    "(benchmarks/quality/glyph_learners.py)."
)


@app.command(cls=SpokenCommand)
def methods(as_json: Json = False) -> None:
    """List architectures, ways of balancing and few-shot learners: what each does, what it was worth in our
    own comparisons, and where it comes from.

    [bold]Example[/bold]

      polytask methods
    """
    from polytask.architectures.catalogue import architecture_entries
    from polytask.balancing.catalogue import balancer_entries
    from polytask.core.verdicts import method_verdict
    from polytask.meta.catalogue import learner_entries

    architectures = {
        name: {"summary": entry.summary, "verdict": entry.verdict, "reference": entry.reference}
        for name, entry in architecture_entries().items()
    }
    balancing = {
        name: {"needs": entry.needs, "verdict": entry.verdict, "reference": entry.reference}
        for name, entry in balancer_entries().items()
    }
    learners = {
        name: {
            "family": entry.family,
            "transductive": entry.transductive,
            "any number of classes": not entry.fixed_way,
            "verdict": entry.verdict,
            "reference": entry.reference,
        }
        for name, entry in learner_entries().items()
    }
    architecture = _table("polytask fit --architecture", "how tasks share", "beside hard")
    for name, entry in architectures.items():
        architecture.add_row(
            name, entry["summary"], method_verdict("architecture", name, short=True), entry["reference"]
        )
    balancer = _table("polytask fit --balancing", "looks at", "beside equal")
    for name, entry in balancing.items():
        balancer.add_row(
            name, entry["needs"], method_verdict("balancing", name, short=True), entry["reference"]
        )
    learner = _table("polytask learn --learner", "what is learned", "classes", "unseen letters")
    for name, entry in learner_entries().items():
        kind = f"{entry.family}, transductive" if entry.transductive else entry.family
        classes = "as trained" if entry.fixed_way else "any number"
        learner.add_row(name, kind, classes, method_verdict("learner", name, short=True), entry.reference)
    listed = {"architectures": architectures, "balancing": balancing, "learning": learners}
    show(listed, as_json=as_json, lines=[architecture, "", balancer, "", learner, "", COMPARED])


def _table(*head: str) -> "Table":
    from rich.table import Table

    return Table(*head, "paper", box=None, pad_edge=False)


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
