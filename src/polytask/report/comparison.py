"""A comparison for the terminal."""

from rich import box
from rich.table import Table
from rich.text import Text

from polytask.compare.results import CandidateResult, Comparison
from polytask.core.names import counted, short_name
from polytask.report.console import gain_text, interval_text, metric_text

__all__ = ["comparison_table"]

_COLOURS = {"helped": "green", "better": "green", "hurt": "red", "worse": "red"}


def comparison_table(found: Comparison) -> Table:
    """Lay out a comparison: for each target, every candidate with its metric, gain and cost."""
    title = f"Held-out rows, {counted(found.n_folds, 'fold')}"
    title += f" x {counted(found.n_repeats, 'repeat')}" if found.n_repeats > 1 else ""
    table = Table(title=f"{title}, 95 % intervals", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("target", "candidate", "value", "gain %", "against", "verdict", "seconds"):
        numeric = heading in ("value", "gain %", "seconds")
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for task in found.tasks:
        for index, one in enumerate(found.candidates):
            name = f"{short_name(task.name)}, {metric_text(found.metric(task.name))}" if not index else ""
            table.add_row(name, *_cells(found, task.name, one))
        table.add_section()
    return table


def _cells(found: Comparison, target: str, one: CandidateResult) -> list[Text]:
    contrast, metric = found.contrast(target, one.name), found.metric(target)
    value = interval_text(one.metrics.get(target, {}).get(metric), metric)
    verdict = "" if contrast is None else contrast.verdict
    return [
        Text(short_name(one.name)),
        Text("failed" if one.error else value),
        Text("" if contrast is None else gain_text(contrast.gain)),
        Text("" if contrast is None else short_name(contrast.baseline)),
        Text(verdict, style=_COLOURS.get(verdict, "")),
        Text(f"{one.seconds:.1f}"),
    ]
